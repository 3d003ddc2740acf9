"""The HTTP client, over sockets, against the service as it is."""

import asyncio
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from typing import Any
from uuid import UUID

import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reflekt_core import AsyncClient, Client, Reflekt, ReflektError, errors
from reflekt_core.client import NoAnswer, ServiceFailed
from reflekt_core.client.address import base_of
from reflekt_core.client.asking import asked
from reflekt_core.client.exchange import Send, Show
from reflekt_core.client.failures import Lost, Reply, failure, retry_after
from reflekt_core.errors import (
    AccountErased,
    AssistantError,
    ConfigurationError,
    Conflict,
    Forbidden,
    InProgress,
    InvalidInput,
    MalformedInput,
    NotFound,
    Problem,
    RateLimited,
    Unauthenticated,
    Unavailable,
    VersionConflict,
)
from reflekt_core.model.accounts import PERMISSIONS, Actor, Role
from reflekt_core.model.entries import Change, Entry, Order, Tombstone
from reflekt_core.model.listing import Changes
from reflekt_core.model.paging import Page
from reflekt_core.operations import OPERATIONS, Operation
from reflekt_core.rest.dispatch import Dispatch
from reflekt_core.rest.problems import problem
from reflekt_core.rest.wsgi import application
from reflekt_core.security.tokens import TokenVerifier
from reflekt_core.serialization import wire
from reflekt_core.stores import open_store

from .client_calls import CLIENTS, NEW, arguments, connected, fill, method_of
from .client_faults import FAULTS, proxied
from .http_contract import CURSOR_SECRET, NOW, SECRET, Listening, token

CANARY = "kanarienvogel"
Connect = Callable[..., Any]
both = pytest.mark.parametrize("kind", CLIENTS)


def numbered() -> Callable[[], UUID]:
    """Return what makes the same ids in the same order every time."""
    count = iter(range(1, 1_000_000))
    return lambda: UUID(int=next(count))


def journal() -> Reflekt:
    """Return a journal whose clock stands, and whose ids are numbers."""
    return Reflekt.on(open_store("memory://"), clock=lambda: NOW, ids=numbered())


def ada(reflekt: Reflekt) -> Reflekt:
    """Return the journal as Ada, an administrator, sees it."""
    return reflekt.acting_as(Actor("ada", PERMISSIONS[Role.ADMIN]))


def plain(value: Any) -> Any:
    """Return what the API shows of *value*, without where a list goes on."""
    if isinstance(value, Page):
        return ["page", value.next is None, [wire(item) for item in value]]
    if isinstance(value, Changes):
        return [value.has_more, [plain(change) for change in value.items]]
    if isinstance(value, Change):
        entry = value.entry
        if isinstance(entry, Entry) and entry.trashed_at:
            entry = Tombstone(entry.id, entry.version, entry.trashed_at)
        return wire(entry)
    return wire(value)


class Pauses:
    """A clock that goes on only while somebody waits, and how long they did."""

    def __init__(self) -> None:
        self.now = 0.0
        self.seconds: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.seconds.append(seconds)
        self.now += seconds

    @property
    def settings(self) -> dict[str, Any]:
        """What to give to a client, which draws the middle of what it may."""
        return {"sleep": self.sleep, "clock": lambda: self.now, "random": lambda: 0.5}


@pytest.fixture
def pauses() -> Pauses:
    """Time that passes at once."""
    return Pauses()


@pytest.fixture
def connect(pauses: Pauses) -> Iterator[Connect]:
    """Make clients, and close them in the end."""
    with ExitStack() as stack:

        def make(kind: str, url: str, bearer: Any = None, **settings: Any) -> Any:
            given = {**pauses.settings, **settings}
            return stack.enter_context(connected(kind, url, bearer or token(), **given))

        yield make


class TestOperations(Listening):
    """Every operation, over a socket."""

    @pytest.fixture
    def reflekt(self) -> Iterator[Reflekt]:
        """The journal that is served."""
        with journal() as opened:
            yield opened

    @both
    @pytest.mark.parametrize("operation", OPERATIONS, ids=lambda row: row.id)
    def test_an_operation_does_what_it_does_here(
        self, connect: Connect, kind: str, operation: Operation, reflekt: Reflekt, port: int
    ) -> None:
        """Of two journals alike, one served and one not, a call makes the same, and says the same."""
        client = connect(kind, f"http://127.0.0.1:{port}", token(role="admin"))
        with journal() as twin:
            there, here = ada(reflekt), ada(twin)
            kept = fill(there)
            assert fill(here) == kept
            given = dict(arguments(operation, kept))
            if operation.repeatable:
                given["idempotency_key"] = "once"
            told = method_of(client, operation)(**given)
            expected = method_of(here, operation)(**given)
            assert type(told) is type(expected)
            assert plain(told) == plain(expected)
            if operation.id != "account.delete":
                assert here.account.export(limit=100) == there.account.export(limit=100)

    @both
    def test_pages_are_gone_through(
        self, connect: Connect, kind: str, reflekt: Reflekt, port: int
    ) -> None:
        """Every item comes once, in order, whatever fits a page; from a position on, too."""
        client = connect(kind, f"http://127.0.0.1:{port}")
        view = ada(reflekt)
        ids = [view.entries.create(f"{n}", tags=[f"t{n % 2}"]).id for n in range(7)]
        for limit in (1, 3, 7, 100):
            found = client.each(client.entries.list, order=Order.ASC, limit=limit)
            assert [e.id for e in found] == ids
        odd = client.each(client.entries.list, tag=["t1"], order=Order.ASC, limit=2)
        assert [e.id for e in odd] == ids[1::2]
        page = client.entries.list(order=Order.ASC, limit=5)
        rest = client.each(client.entries.list, order=Order.ASC, after=page.next)
        assert [e.id for e in rest] == ids[5:]
        assert len(list(client.each(client.account.export, limit=2))) == 14

    @both
    def test_changes_are_followed(
        self, connect: Connect, kind: str, reflekt: Reflekt, port: int
    ) -> None:
        """The cursor of an answer is where the next one begins."""
        client = connect(kind, f"http://127.0.0.1:{port}")
        first = client.entries.create("one")
        seen = client.entries.changes()
        assert [c.entry for c in seen.items] == [first]
        client.entries.delete(first.id, permanent=True)
        after = client.entries.changes(since=seen.cursor)
        assert [c.entry.version for c in after.items] == [2]
        assert isinstance(after.items[0].entry, Tombstone)
        assert not after.has_more

    @both
    def test_what_goes_wrong_is_what_goes_wrong_here(
        self, connect: Connect, kind: str, reflekt: Reflekt, port: int
    ) -> None:
        """The same exceptions, which name the same fields."""
        client = connect(kind, f"http://127.0.0.1:{port}")
        reader = connect(kind, f"http://127.0.0.1:{port}", token(role="reader"))
        entry = client.entries.create("x")
        for journal in (client, ada(reflekt)):
            with pytest.raises(InvalidInput) as wrong:
                journal.entries.create("", mood=7)
            assert [p.path for p in wrong.value.problems] == ["content", "mood"]
            with pytest.raises(InvalidInput) as wrong:
                journal.entries.create("x", category_id=NEW)
            assert [p.path for p in wrong.value.problems] == ["category_id"]
            with pytest.raises(InvalidInput, match="limit"):
                journal.entries.list(limit=0)
            with pytest.raises(InvalidInput, match="tag"):
                journal.entries.list(tag=["a\nb"])
            with pytest.raises(InvalidInput, match="id: must be a UUID"):
                journal.entries.get("0193e1a2")
            with pytest.raises(InvalidInput, match="tags: must be a list"):
                journal.entries.create("x", tags="sea")
            with pytest.raises(NotFound):
                journal.entries.get(NEW)
            with pytest.raises(VersionConflict, match="version 1"):
                journal.entries.update(entry.id, title="y", if_version=5)
            with pytest.raises(InvalidInput, match="confirm"):
                journal.account.delete("somebody else")
        with pytest.raises(Forbidden, match="entries:write"):
            reader.entries.create("x")
        with pytest.raises(MalformedInput, match="cursor"):
            client.entries.list(after=("made up",))
        with pytest.raises(MalformedInput, match="position"):
            client.entries.list(after=(1, 2))
        with pytest.raises(InvalidInput, match="idempotency_key"):
            client.entries.create("x", idempotency_key="a\r\nb: c")
        with pytest.raises(TypeError, match="feeling"):
            client.entries.create("x", feeling=1)

    @both
    def test_any_version_will_do(
        self, connect: Connect, kind: str, reflekt: Reflekt, port: int
    ) -> None:
        """With the version that stands for any, the thing must exist, as here."""
        client = connect(kind, f"http://127.0.0.1:{port}")
        with pytest.raises(VersionConflict):
            client.entries.put(NEW, "x", if_version=-1)
        client.entries.put(NEW, "x")
        assert client.entries.put(NEW, "y", if_version=-1).version == 2

    @both
    def test_nothing_is_logged(
        self, connect: Connect, kind: str, port: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Neither what is searched for nor the token is in any log, at any level."""
        caplog.set_level(logging.DEBUG)
        bearer = token()
        client = connect(kind, f"http://127.0.0.1:{port}", bearer)
        client.entries.create(CANARY, tags=[CANARY])
        assert len(client.entries.search(CANARY)) == 1
        client.tags.rename(CANARY, f"{CANARY}2")
        ours = [r for r in caplog.records if not r.name.startswith("reflekt")]
        said = "\n".join(r.getMessage() for r in ours)
        assert CANARY not in said
        assert bearer not in said
        assert "127.0.0.1" not in said

    @both
    def test_a_token_is_renewed_once(self, connect: Connect, kind: str, port: int) -> None:
        """What returns tokens is asked at the first call, and again when one is refused."""
        tokens = iter(["stale", token(), token(user="never")])
        client = connect(kind, f"http://127.0.0.1:{port}", lambda: next(tokens))
        assert client.health.check().status == "ok"
        entry = client.entries.create("x")
        assert client.entries.get(entry.id) == entry
        assert len(list(tokens)) == 1

    @both
    def test_a_token_is_not_renewed_for_ever(self, connect: Connect, kind: str, port: int) -> None:
        """A second refusal is told; so is that of a token that cannot be renewed."""
        asked: list[int] = []

        def stale() -> str:
            asked.append(1)
            return f"stale{len(asked)}"

        client = connect(kind, f"http://127.0.0.1:{port}", stale)
        with pytest.raises(Unauthenticated):
            client.entries.list()
        assert len(asked) == 2
        fixed = connect(kind, f"http://127.0.0.1:{port}", "stale")
        with pytest.raises(Unauthenticated):
            fixed.entries.list()

    def test_a_token_may_be_awaited(self, connect: Connect, port: int) -> None:
        """An asynchronous client awaits what a coroutine function returns."""

        async def fetched() -> str:
            return token()

        client = connect("async", f"http://127.0.0.1:{port}", fetched)
        assert client.entries.create("x").version == 1

    @both
    @pytest.mark.parametrize("tag", [".", "..", "a/b", "/", "%2F", "a?b#c", "ё \u2028🌊", "a;b"])
    def test_any_tag_can_be_renamed(
        self, connect: Connect, reflekt: Reflekt, port: int, kind: str, tag: str
    ) -> None:
        """Whatever its characters mean in an address."""
        view = ada(reflekt)
        entry = view.entries.create("x", tags=[tag])
        connect(kind, f"http://127.0.0.1:{port}").tags.rename(tag, "new")
        assert view.entries.get(entry.id).tags == ("new",)

    # What goes wrong on the way

    @both
    @pytest.mark.parametrize("fault", FAULTS)
    def test_no_entry_is_written_twice(  # noqa: PLR0913, PLR0917 - fixtures
        self,
        connect: Connect,
        pauses: Pauses,
        reflekt: Reflekt,
        port: int,
        kind: str,
        fault: str,
    ) -> None:
        """Whatever goes wrong before an answer comes through, an entry is written, once."""
        faults = iter([fault, fault])
        with proxied(port, lambda: next(faults, None)) as proxy:
            client = connect(kind, proxy.url, timeout=0.3 if fault == "late" else 30)
            entry = client.entries.create("We swam.")
            assert client.entries.get(entry.id) == entry
            assert proxy.happened == {fault: 2, None: 2}
        assert len(ada(reflekt).entries.list()) == 1
        assert len(pauses.seconds) == 2
        if fault == "throttled":
            assert all(7 <= s <= 7.5 for s in pauses.seconds)

    @both
    @given(faults=st.lists(st.sampled_from([None, *FAULTS]).filter(lambda f: f != "late")))
    def test_what_was_written_was_written_once_for_all_that_happens(
        self, kind: str, faults: list[str | None]
    ) -> None:
        """Of any row of faults: each call that returns wrote one entry, and each other at most one."""
        pauses, coming = Pauses(), iter(faults)
        with journal() as served:
            client_calls = harmed(served, lambda: next(coming, None))
            with connected(
                kind, "http://localhost", token(), transport=client_calls, **pauses.settings
            ) as client:
                written, failed = 0, 0
                for text in ("one", "two", "three"):
                    try:
                        client.entries.create(text)
                        written += 1
                    except (NoAnswer, RateLimited, Unavailable):
                        failed += 1
            found = [entry.content for entry in ada(served).entries.list()]
            assert len(found) == len(set(found))
            assert written <= len(found) <= written + failed

    @both
    def test_what_cannot_be_repeated_is_not(
        self, connect: Connect, reflekt: Reflekt, port: int, kind: str
    ) -> None:
        """A patch whose answer is lost is not sent again, and the error says that it may be done."""
        entry = ada(reflekt).entries.create("x")
        faults = iter(["cut after"])
        with proxied(port, lambda: next(faults, None)) as proxy:
            client = connect(kind, proxy.url)
            with pytest.raises(NoAnswer, match="may have been done") as lost:
                client.entries.update(entry.id, title="new")
            assert lost.value.sent
            assert sum(proxy.happened.values()) == 1
            assert client.entries.get(entry.id).title == "new"

    @both
    @pytest.mark.parametrize("fault", ["throttled", "unavailable"])
    def test_what_was_refused_is_sent_again(
        self, connect: Connect, reflekt: Reflekt, port: int, kind: str, fault: str
    ) -> None:
        """The service says that nothing was done: then anything may be sent again."""
        entry = ada(reflekt).entries.create("x")
        faults = iter([fault])
        with proxied(port, lambda: next(faults, None)) as proxy:
            assert connect(kind, proxy.url).entries.update(entry.id, title="new").version == 2

    @both
    def test_a_deletion_whose_answer_is_lost_is_done(
        self, connect: Connect, reflekt: Reflekt, port: int, kind: str
    ) -> None:
        """That the entry is missing now is what was asked for; without a lost answer it is not."""
        entry = ada(reflekt).entries.create("x")
        faults = iter(["cut after"])
        with proxied(port, lambda: next(faults, None)) as proxy:
            client = connect(kind, proxy.url)
            assert client.entries.delete(entry.id, permanent=True) is None
            with pytest.raises(NotFound):
                client.entries.delete(entry.id, permanent=True)

    @both
    def test_a_write_that_meets_itself_does_not_blame_others(
        self, connect: Connect, reflekt: Reflekt, port: int, kind: str
    ) -> None:
        """After a lost answer, a conflict or a missing thing may be one's own doing: it says so."""
        view = ada(reflekt)
        entry, category = view.entries.create("x"), view.categories.create("Sea")
        coming: list[str | None] = ["cut after", None] * 2
        with proxied(port, lambda: coming.pop(0) if coming else None) as proxy:
            client = connect(kind, proxy.url)
            with pytest.raises(NoAnswer, match="probably done") as lost:
                client.entries.put(entry.id, "y", if_version=1)
            assert isinstance(lost.value.__cause__, VersionConflict)
            with pytest.raises(NoAnswer, match="probably done"):
                client.categories.delete(category.id)
            assert client.entries.get(entry.id).content == "y"
            with pytest.raises(VersionConflict):
                client.entries.put(entry.id, "z", if_version=1)

    @both
    def test_it_gives_up_in_time(
        self, connect: Connect, pauses: Pauses, port: int, kind: str
    ) -> None:
        """A wait that is longer than what is left is not begun, and the error says how long it is."""
        with proxied(port, lambda: "throttled") as proxy:
            client = connect(kind, proxy.url, deadline=20)
            with pytest.raises(RateLimited) as slow:
                client.entries.list()
            assert slow.value.retry_after_seconds == 7
            assert pauses.seconds == [7.125, 7.25]

    @both
    def test_pauses_grow_and_tries_end(
        self, connect: Connect, pauses: Pauses, port: int, kind: str
    ) -> None:
        """Between attempts it waits up to twice as long each time, and at some point no more."""
        with proxied(port, lambda: "cut before") as proxy:
            client = connect(kind, proxy.url, tries=8)
            with pytest.raises(NoAnswer):
                client.entries.list()
            assert proxy.happened["cut before"] == 8
        assert pauses.seconds == [0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 4.0]

    @both
    def test_nobody_there(self, connect: Connect, pauses: Pauses, kind: str) -> None:
        """Where nothing listens, it says so, and that nothing was sent."""
        client = connect(kind, "http://127.0.0.1:1", tries=2)
        with pytest.raises(NoAnswer, match="cannot be reached") as nobody:
            client.entries.update(NEW, title="x")
        assert not nobody.value.sent
        assert len(pauses.seconds) == 1


def harmed(reflekt: Reflekt, draw: Callable[[], str | None]) -> Any:
    """Return a transport to the service, as a function call, on which requests come to harm."""
    api = Dispatch(reflekt, TokenVerifier(secret=SECRET), cursor_secret=CURSOR_SECRET)
    below = httpx2.WSGITransport(application(api))

    class Harmed(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            fault = draw()
            if fault == "cut before":
                raise httpx2.ReadError(fault)
            if fault in {"throttled", "unavailable"}:
                code = {"throttled": "rate_limited", "unavailable": "unavailable"}[fault]
                return httpx2.Response(503, json={"code": code})
            answer = below.handle_request(request)
            answer.read()
            if fault in {"cut after", "cut within"}:
                raise httpx2.RemoteProtocolError(fault)
            if fault is not None:
                return httpx2.Response(504)
            return httpx2.Response(
                answer.status_code, headers=answer.headers, content=answer.content
            )

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            return self.handle_request(request)

    return Harmed()


def answering(*answers: httpx2.Response | Exception) -> Any:
    """Return a transport that gives *answers* in turn, the last for ever, and keeps the requests."""
    coming = list(answers)
    seen: list[httpx2.Request] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        answer = coming.pop(0) if len(coming) > 1 else coming[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)

    transport = httpx2.MockTransport(handle)
    transport.seen = seen  # type: ignore[attr-defined]  # to look at
    return transport


def refusing(status: int, code: str, **headers: str) -> httpx2.Response:
    """Return a problem document."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(status, json={"code": code, "detail": "because"}, headers=named)


EMPTY = httpx2.Response(200, json={"items": [], "next_cursor": None})


@both
def test_what_is_under_way_is_waited_for(connect: Connect, pauses: Pauses, kind: str) -> None:
    """An answer that is still being worked out, for the same key, is waited for to the end."""
    done = httpx2.Response(200, json={"status": "pending"})
    busy = [refusing(409, "in_progress")] * 20
    transport = answering(*busy, done)
    client = connect(kind, "http://localhost", transport=transport)
    assert client.entries.analyse(NEW).status == "pending"
    assert len({r.headers["Idempotency-Key"] for r in transport.seen}) == 1
    assert len(pauses.seconds) == 20
    forever = connect(kind, "http://localhost", transport=answering(busy[0]), deadline=30)
    with pytest.raises(InProgress):
        forever.entries.analyse(NEW)


def test_threads_that_are_refused_together_renew_together() -> None:
    """However many they are, a new token is asked for once."""
    refused, second = threading.Barrier(6), threading.Event()
    asked: list[int] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.headers["Authorization"] != "Bearer stale":
            return httpx2.Response(200, content=EMPTY.content)
        refused.wait(10)
        return refusing(401, "unauthenticated")

    def fresh() -> str:
        asked.append(1)
        if len(asked) > 2:
            second.set()
        elif len(asked) == 2:
            second.wait(0.2)  # time for another, if one could come
        return "stale" if len(asked) == 1 else "good"

    with Client("http://localhost", fresh, transport=httpx2.MockTransport(answer)) as client:
        threads = [threading.Thread(target=client.entries.list) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(asked) == 2


def test_tasks_that_are_refused_together_renew_together() -> None:
    """The same holds for the tasks of an event loop."""
    asked: list[int] = []

    async def run() -> None:
        refused = asyncio.Barrier(6)

        async def answer(request: httpx2.Request) -> httpx2.Response:
            if request.headers["Authorization"] != "Bearer stale":
                return httpx2.Response(200, content=EMPTY.content)
            await refused.wait()
            return refusing(401, "unauthenticated")

        async def fresh() -> str:
            asked.append(1)
            number = len(asked)
            for _ in range(20):  # turns for others, if they could come
                await asyncio.sleep(0)
            return "stale" if number == 1 else "good"

        transport = httpx2.MockTransport(answer)
        async with AsyncClient("http://localhost", fresh, transport=transport) as client:
            await asyncio.gather(*(client.entries.list() for _ in range(6)))

    asyncio.run(run())
    assert len(asked) == 2


@both
def test_what_never_left_was_not_done(connect: Connect, pauses: Pauses, kind: str) -> None:
    """Where only connecting failed before, what is missing is missing."""
    transport = answering(httpx2.ConnectError("no"), refusing(404, "not_found"))
    client = connect(kind, "http://localhost", transport=transport)
    with pytest.raises(NotFound):
        client.entries.delete(NEW)
    assert len(transport.seen) == 2


@both
def test_each_call_has_a_key_of_its_own(connect: Connect, kind: str) -> None:
    """Two calls are two entries; a key that is given is sent as it is."""
    transport = answering(refusing(422, "invalid_input"))
    client = connect(kind, "http://localhost", transport=transport)
    for key in (None, None, "mine"):
        with pytest.raises(InvalidInput):
            client.entries.create("x", idempotency_key=key)
    first, second, mine = (r.headers["Idempotency-Key"] for r in transport.seen)
    assert first != second
    assert mine == "mine"


@both
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusing(409, "conflict"), Conflict),
        (refusing(409, "account_erased"), AccountErased),
        (refusing(500, "internal_error"), ServiceFailed),
        (refusing(503, "store_error", Retry_After="30"), errors.StoreError),
        (refusing(503, "ai_timeout", Retry_After="5"), errors.AnswerTimeout),
        (httpx2.Response(500), ServiceFailed),
        (httpx2.Response(404, text="<html>"), NotFound),
        (httpx2.Response(403, json={"message": "Forbidden"}), Forbidden),
        (httpx2.Response(200, text="<html>Welcome to this café's network</html>"), ServiceFailed),
        (
            httpx2.Response(200, json={"items": [{"content": CANARY}], "next_cursor": None}),
            ServiceFailed,
        ),
        (httpx2.Response(200, json=[CANARY]), ServiceFailed),
        (httpx2.Response(302, headers={"Location": "https://elsewhere.example/"}), ServiceFailed),
    ],
)
def test_what_does_not_get_better_is_told_at_once(
    connect: Connect, pauses: Pauses, kind: str, answer: httpx2.Response, error: type[Exception]
) -> None:
    """One attempt, one error, no text of the answer in it; and no redirect is followed."""
    transport = answering(answer)
    client = connect(kind, "http://localhost", transport=transport)
    with pytest.raises(error) as told:
        client.entries.list()
    assert type(told.value) is error
    assert CANARY not in str(told.value)
    assert told.value.__context__ is None or told.value.__suppress_context__
    assert len(transport.seen) == 1
    assert pauses.seconds == []


@both
def test_an_answer_without_end(connect: Connect, pauses: Pauses, kind: str) -> None:
    """Neither a slow drip nor a flood keeps a call beyond its time and size."""

    class Drip(httpx2.SyncByteStream, httpx2.AsyncByteStream):
        def __init__(self, piece: bytes) -> None:
            self.piece = piece

        def __iter__(self) -> Iterator[bytes]:
            while True:
                pauses.now += 1
                yield self.piece

        async def __aiter__(self) -> Any:
            for piece in self:
                yield piece

    def client(piece: bytes) -> Any:
        transport = httpx2.MockTransport(lambda _: httpx2.Response(200, stream=Drip(piece)))
        return connect(kind, "http://localhost", transport=transport, deadline=60)

    with pytest.raises(NoAnswer, match="in time"):
        client(b" ").entries.list()
    assert pauses.now <= 62
    with pytest.raises(ServiceFailed, match="larger"):
        client(b" " * 2**20).entries.list()


def test_headers_without_end_do_not_outlast_the_deadline() -> None:
    """A service that sends them byte by byte is left when the time of the awaited call is over."""

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Drip: ")
        with suppress(ConnectionError), closing(writer):
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.005)

    async def ask() -> None:
        server = await asyncio.start_server(drip, "127.0.0.1")
        url = "http://127.0.0.1:{1}".format(*server.sockets[0].getsockname())
        async with server, AsyncClient(url, token(), timeout=60, deadline=0.2) as client:
            with pytest.raises(NoAnswer, match="in time"):
                await client.entries.list()

    asyncio.run(asyncio.wait_for(ask(), 30))


@both
def test_no_cookie_is_kept(connect: Connect, kind: str) -> None:
    """What a service or what stands before it sets does not come back with the next call."""
    shown = {"status": "ok", "version": "9"}
    answer = httpx2.Response(200, json=shown, headers={"Set-Cookie": "who=ana; Path=/"})
    transport = answering(answer, answer)
    client = connect(kind, "http://localhost", transport=transport)
    for _ in range(2):
        client.health.check()
    assert [request.headers.get("cookie") for request in transport.seen] == [None, None]


@both
@given(straight=st.integers(0, 9), circle=st.integers(1, 9))
def test_pages_in_a_circle_are_an_error(kind: str, straight: int, circle: int) -> None:
    """However long it is and wherever it begins, going through them ends."""
    seen = []

    def page(request: httpx2.Request) -> httpx2.Response:
        at = int(request.url.params.get("cursor", "0"))
        seen.append(at)
        following = at + 1 if at < straight + circle else straight + 1
        return httpx2.Response(200, json={"items": [], "next_cursor": str(following)})

    transport = httpx2.MockTransport(page)
    with connected(kind, "http://localhost", token(), transport=transport) as client:
        with pytest.raises(ServiceFailed, match="same pages"):
            list(client.each(client.entries.list))
        assert set(seen) == set(range(straight + circle + 1))
        assert len(seen) <= 4 * (straight + circle + 2)


@both
def test_a_newer_service_may_say_more(connect: Connect, kind: str) -> None:
    """Fields that this client does not know are passed over."""
    shown = {"status": "ok", "version": "9", "mood": "splendid"}
    transport = answering(httpx2.Response(200, json=shown))
    client = connect(kind, "http://localhost", transport=transport)
    assert client.health.check().version == "9"
    assert "Authorization" not in transport.seen[0].headers


def every_error() -> list[ReflektError]:
    """Return one of each error there is."""
    made: list[ReflektError] = []
    for name in errors.__all__:
        cls = getattr(errors, name)
        if cls is Problem:
            continue
        if issubclass(cls, InvalidInput):
            made.append(cls([Problem("mood", "must be from 1 to 5")]))
        elif issubclass(cls, AssistantError):
            made.append(cls("because", provider="openai", retry_after_seconds=9))
        elif issubclass(cls, RateLimited | Unavailable):
            made.append(cls("because", retry_after_seconds=9))
        else:
            made.append(cls("because"))
    return made


@pytest.mark.parametrize("error", every_error(), ids=lambda error: error.code)
def test_an_error_comes_back_as_itself(error: ReflektError) -> None:
    """Class, code, message, problems and time to wait make it through a problem document."""
    sent = problem(error, "a-request-id")
    headers = {name.lower(): value for name, value in sent.headers.items()}
    told = failure(Reply(sent.status, headers, sent.body))
    assert type(told) is type(error)
    assert (told.code, told.message) == (error.code, error.message)
    for name in ("problems", "retry_after_seconds"):
        assert getattr(told, name, None) == getattr(error, name, None)
    assert told.__notes__ == ["the service calls this request a-request-id"]


@given(
    status=st.integers(300, 599),
    headers=st.dictionaries(st.sampled_from(["retry-after", "date", "link"]), st.text()),
    body=st.binary()
    | st.builds(
        lambda found: json.dumps(found).encode(),
        st.dictionaries(
            st.sampled_from(["code", "detail", "errors", "request_id"]),
            st.sampled_from(["invalid_input", "conflict", "ai_timeout", "rate_limited"])
            | st.recursive(st.none() | st.text() | st.integers(), st.lists),
        ),
    ),
)
@example(409, {}, b'{"code": "conflict", "detail": "one\\ntwo\\u001b[31m", "request_id": 5}')
def test_any_refusal_is_an_error(status: int, headers: dict[str, str], body: bytes) -> None:
    """Whatever is answered becomes an error of ours, in one printable line."""
    error = failure(Reply(status, headers, body))
    assert isinstance(error, ReflektError)
    assert error.message.isprintable()


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("Sun, 22 Nov 2026 18:40:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 18:39:00 GMT", 0.0),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("soon", None),
        ("9" * 30, None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(said: str, seconds: float | None) -> None:
    """A date counts from when the answer says it was sent; what is neither does not count."""
    headers = {"retry-after": said, "date": "Sun, 22 Nov 2026 18:40:00 GMT"}
    assert retry_after(Reply(503, headers, b"")) == seconds


def test_a_date_alone_says_nothing() -> None:
    """Without the time of the answer, a date cannot be told from a wrong clock."""
    assert retry_after(Reply(503, {"retry-after": "Sun, 22 Nov 2026 18:40:30 GMT"}, b"")) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "journal.example.org",
        "ftp://journal.example.org",
        "https://",
        "https://ada:secret@journal.example.org",
        "https://journal.example.org/?a=b",
        "https://journal.example.org/#a",
        "https://journal.example.org/?",
        "https://journal.example.org#",
        "https://journal.example.org:port",
        "https://journal.example.org/\nx",
        "https://[::1",
        "http://journal.example.org",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
        "http://0.0.0.0",
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """So is one to which a token would travel in the clear."""
    with pytest.raises(ConfigurationError, match="url must"):
        Client(url, "t")


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        ("https://journal.example.org/dev/", {}),
        ("http://127.0.0.2:8000", {}),
        ("HTTP://127.0.0.2:8000", {}),
        ("http://[::1]:8000", {}),
        ("http://journal.lan", {"allow_http": True}),
    ],
)
def test_an_address_may_have_a_path(url: str, settings: dict[str, Any]) -> None:
    """Requests go below it; without encryption only here, or where that is allowed."""
    transport = answering(EMPTY)
    with Client(url, "t", transport=transport, **settings) as client:
        assert len(client.entries.list()) == 0
    assert str(transport.seen[0].url) == f"{url.replace('HTTP', 'http').rstrip('/')}/entries"


def test_an_address_in_capitals_is_the_same() -> None:
    """Also for who asks whether it is encrypted."""
    assert base_of("HTTPS://journal.example.org/dev/") == "https://journal.example.org/dev"


@pytest.mark.parametrize("bad", ["", "two words", "a\r\nb: c", "käse", "kanarienvogel\n"])
@both
def test_a_token_that_is_none_is_not_shown(connect: Connect, kind: str, bad: str) -> None:
    """It is refused before it is sent, wherever it comes from."""
    with pytest.raises(ConfigurationError, match="the token is none") as refused:
        connect(kind, "http://localhost", lambda: bad, transport=answering(EMPTY)).entries.list()
    assert CANARY not in str(refused.value)


@both
def test_a_token_cannot_need_itself(connect: Connect, kind: str) -> None:
    """What asks the client for a token by way of the client hears so, instead of waiting for ever."""

    def asking() -> Any:
        with pytest.raises(ConfigurationError, match="must not use the client"):
            client.entries.list()
        return "good"

    async def asking_later() -> Any:
        with pytest.raises(ConfigurationError, match="must not use the client"):
            await client.entries.list.later()
        return "good"

    source = asking if kind == "sync" else asking_later
    client = connect(kind, "http://localhost", source, transport=answering(EMPTY))
    assert len(client.entries.list()) == 0


@both
def test_a_token_that_cannot_be_had_can_be_had_later(connect: Connect, kind: str) -> None:
    """What goes wrong there is raised as it is, and the next call asks again."""
    answers: list[Any] = [KeyError("vault"), KeyError("vault"), "good"]

    def source() -> str:
        if isinstance(answer := answers.pop(0), Exception):
            raise answer
        return str(answer)

    client = connect(kind, "http://localhost", source, transport=answering(EMPTY))
    for _ in range(2):
        with pytest.raises(KeyError):
            client.entries.list()
    assert len(client.entries.list()) == 0


def test_what_is_on_its_way_shows_nothing() -> None:
    """Neither the token, nor what is written or searched for: programs print what they hold."""
    asked_for = asked(next(o for o in OPERATIONS if o.id == "entries.search"), {"q": CANARY})
    shown = [asked_for, Send(asked_for, CANARY, 1.0, 1.0), Show(CANARY)]
    assert CANARY in asked_for.target
    assert CANARY not in repr([*shown, Reply(200, {"a": CANARY}, CANARY.encode())])


@both
def test_what_is_too_long_to_ask_is_refused(connect: Connect, kind: str) -> None:
    """In our words, before it is sent."""
    client = connect(kind, "http://localhost", transport=answering())
    with pytest.raises(MalformedInput, match="ask for less"):
        client.tags.rename("x" * 70_000, "sea")


@pytest.mark.parametrize("name", ["timeout", "deadline", "tries"])
@pytest.mark.parametrize("value", [0, -1, None, "5", float("nan")])
def test_patience_is_a_number(name: str, value: Any) -> None:
    """What cannot be waited for is refused at once."""
    with pytest.raises(ConfigurationError, match=f"{name} must be a number above 0"):
        Client("http://localhost", "t", **{name: value})


def test_without_a_token_only_what_is_public_is_asked() -> None:
    """The error says what to pass."""
    client = Client("http://localhost", transport=answering(EMPTY))
    with client, pytest.raises(Unauthenticated, match="token="):
        client.entries.list()


@both
def test_plain_addresses_are_reached_without_a_proxy(
    connect: Connect, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy of the environment could read the token."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(NoAnswer, match="cannot be reached"):
        connect(kind, "http://127.0.0.1:1", tries=1).entries.list()
    with Client("http://127.0.0.1:1", "t") as client:
        assert not client._sender.http.trust_env


def test_without_httpx2_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, not a traceback of imports."""
    for name in ("httpx2", "reflekt_core.client.sending", "reflekt_core.client.awaiting"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "reflekt_core.client.sending")
    with pytest.raises(ConfigurationError, match=r"reflekt-journal\[client\]"):
        Client("http://localhost", "t")


def test_a_client_loads_no_service() -> None:
    """Neither services nor stores are needed to ask one; nor is httpx2, for who asks nobody."""
    program = """
import sys
import reflekt_core
assert not [m for m in sys.modules if m.startswith(("reflekt_core.", "httpx2", "attr"))]
from reflekt_core import Client
assert "httpx2" not in sys.modules
import httpx2
shown = httpx2.Response(200, json={"status": "ok", "version": "1"})
with Client("http://localhost", transport=httpx2.MockTransport(lambda _: shown)) as client:
    client.health.check()
heavy = ("app", "services", "stores", "providers", "rest", "security")
assert not [m for m in sys.modules if m.startswith(tuple(f"reflekt_core.{h}" for h in heavy))]
assert "asyncio" not in sys.modules or "reflekt_core.client.awaiting" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@given(
    text=st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=300)
)
def test_text_makes_the_round_trip(text: str) -> None:
    """Every character comes back."""
    with (
        journal() as served,
        Client("http://localhost", token(), transport=harmed(served, lambda: None)) as client,
    ):
        entry = client.entries.create(text)
        assert entry.content == text
        assert client.entries.get(entry.id) == entry
        assert client.account.export().items[0].value["content"] == text


def test_a_lost_answer_never_quotes() -> None:
    """What is said of a failed connection is ours."""
    assert failure(Lost("no answer came in time", sent=False)).message == "no answer came in time"


def test_a_closed_client_stays_closed() -> None:
    """Closing twice is fine; asking afterwards is an error of the program."""
    client = Client("http://localhost", "t", transport=answering(EMPTY))
    client.close()
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.entries.list()
