"""The operations over HTTP, called without a server."""

import json
import logging
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reflekt_core import Reflekt, errors
from reflekt_core.model.accounts import Actor, permissions_of
from reflekt_core.rest import problems
from reflekt_core.rest.cursors import Cursors
from reflekt_core.rest.dispatch import Dispatch
from reflekt_core.rest.logs import JSONFormatter, hashed
from reflekt_core.rest.messages import Request, Response
from reflekt_core.rest.strict_json import parse

from .http_contract import CURSOR_SECRET, NOW, Client, HTTPContract, Send, assert_problem, token

CANARY = "the-canary-sings"


class TestDispatch(HTTPContract):
    """The contract, by a call."""

    @pytest.fixture
    def send(self, dispatch: Dispatch) -> Send:
        """A request is an argument, a response what is returned."""
        return dispatch

    def test_addresses_begin_where_the_api_is_mounted(self, dispatch: Dispatch) -> None:
        """Under a prefix, Location and Link begin with it."""
        sent = {"Authorization": f"Bearer {token()}", "Content-Type": "application/json"}
        for _ in range(2):
            created = dispatch(
                Request("POST", "/entries", "", sent, b'{"content": "x"}', base="/prod")
            )
            assert created.headers["Location"].startswith("/prod/entries/")
        export = dispatch(Request("GET", "/account/export", "limit=1", sent, base="/prod"))
        assert export.headers["Link"].startswith("</prod/account/export?")

    def test_decoded_pairs_do_for_a_query(self, dispatch: Dispatch) -> None:
        """A gateway may hand the parameters over as pairs."""
        sent = {"Authorization": f"Bearer {token()}"}
        pairs = (("tag", "a&b"), ("tag", "c"), ("limit", "1"))
        assert dispatch(Request("GET", "/entries", pairs, sent)).status == 200
        assert dispatch(Request("GET", "/entries", (("x", "\ud800"),), sent)).status == 400

    def test_a_body_that_was_not_read_is_too_large(self, dispatch: Dispatch) -> None:
        """The size is judged before who asks."""
        assert_problem(dispatch(Request("POST", "/entries", body=None)), 413, "too_large")


class Failing:
    """A verifier that fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def verify(self, token: str, now: datetime) -> Actor:
        """Fail, and not for the simplest of reasons."""
        try:
            {}[CANARY]  # type: ignore[index]
        except KeyError as reason:
            raise self.error from reason


def failing(error: Exception) -> Dispatch:
    """Return an API on which every request with a token fails."""
    reflekt = Reflekt.open("memory://")
    return Dispatch(reflekt, Failing(error), cursor_secret=CURSOR_SECRET, clock=lambda: NOW)


def ask(dispatch: Dispatch, **headers: str) -> Response:
    """Return the answer to a request that gets as far as the token."""
    sent = {"Authorization": f"Bearer {CANARY}", **headers}
    return dispatch(Request("GET", "/entries", f"tag={CANARY}", sent))


@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [
        (errors.InvalidInput.field("tag", "is wrong"), 400, None),
        (errors.MalformedInput("x"), 400, None),
        (errors.Unauthenticated("x"), 401, None),
        (errors.Forbidden("x"), 403, None),
        (errors.NotFound("x"), 404, None),
        (errors.Conflict("x"), 409, None),
        (errors.VersionConflict("x"), 409, None),
        (errors.InProgress("x"), 409, None),
        (errors.AccountErased("x"), 409, None),
        (errors.TooLarge("x"), 413, None),
        (errors.RateLimited("x", retry_after_seconds=7), 429, "7"),
        (errors.Unavailable("x"), 503, "1"),
        (errors.StoreError("x"), 503, "30"),
        (errors.AssistantError("x", provider="openai"), 503, "5"),
        (errors.ConfigurationError("x"), 503, "60"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_error_has_its_status(
    error: errors.ReflektError, status: int, retry: str | None
) -> None:
    """An error is told with its status, its code, and when to try again."""
    response = ask(failing(error))
    # Without a body, what is not allowed can only be a parameter.
    code = error.code if status != 400 else "malformed_input"
    document = assert_problem(response, status, code)
    assert document["type"] == f"urn:reflekt:problem:{document['code'].replace('_', '-')}"
    assert response.headers.get("Retry-After") == retry


def test_no_error_is_without_a_status() -> None:
    """The table knows every error there is, and only the root is a failure of ours."""
    tree = {getattr(errors, name) for name in errors.__all__} - {errors.Problem}
    own = {errors.ReflektError, problems.InternalError}
    assert {cls for cls in tree | own if problems.status_of_class(cls) == 500} == own


@pytest.fixture
def lines() -> Any:
    """What is logged, as an operator sees it."""
    found: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(self.format(record))

    handler, logger = Kept(), logging.getLogger("reflekt")
    handler.setFormatter(JSONFormatter())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield found
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def test_a_failure_tells_nothing_but_its_place(lines: list[str]) -> None:
    """An unexpected exception is a 500; its text is neither sent nor logged, its place is."""
    response = ask(failing(RuntimeError(CANARY)))
    document = assert_problem(response, 500, "internal_error")
    assert CANARY not in json.dumps(document)
    assert CANARY not in "".join(lines)
    failure, access = map(json.loads, lines)
    assert failure["exceptions"] == ["builtins.RuntimeError", "builtins.KeyError"]
    assert any("test_rest.py:" in frame for frame in failure["frames"])
    assert failure["request_id"] == access["request_id"] == document["request_id"]
    assert failure["operation"] == "entries.list"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (errors.StoreError("the disk is full"), "the disk is full"),
        # What a provider says may quote what it was asked.
        (errors.AssistantError(CANARY, provider="mine"), None),
    ],
)
def test_a_foreseen_failure_is_named_without_its_place(
    lines: list[str], error: errors.ReflektError, reason: str | None
) -> None:
    """What a disk or a network does is no fault in the code: the line says what, and why."""
    assert_problem(ask(failing(error)), 503, error.code)
    failure, _ = map(json.loads, lines)
    assert (failure["message"], failure["code"]) == ("foreseen failure", error.code)
    assert failure.get("reason") == reason
    assert "frames" not in failure
    assert CANARY not in "".join(lines)


def test_an_exception_that_others_log_is_not_quoted(lines: list[str]) -> None:
    """A library that logs an exception logs its class and place."""
    try:
        int(CANARY)
    except ValueError:
        logging.getLogger("reflekt.other").exception("it failed")
    (line,) = map(json.loads, lines)
    assert line["exceptions"] == ["builtins.ValueError"]
    assert CANARY not in lines[0]


def test_each_request_is_one_line(lines: list[str]) -> None:
    """A line says which operation, how it went and how long, and hides who it was."""
    with Reflekt.open("memory://") as reflekt:
        verifier = Anybody()
        dispatch = Dispatch(reflekt, verifier, cursor_secret=CURSOR_SECRET, clock=lambda: NOW)
        for user in ("zoltan", "zoltan", "yusuf"):
            client = Client(dispatch, user)
            client("GET", "/entries/search", query=f"q={CANARY}", headers={"X-Request-Id": "r1"})
        Client(dispatch, "zoltan")("GET", f"/{CANARY}", query=CANARY)
    first, again, other, nothing = map(json.loads, lines)
    assert set(first) >= {"time", "level", "request_id", "duration_ms"}
    assert (first["operation"], first["status"], first["request_id"]) == (
        "entries.search",
        200,
        "r1",
    )
    assert first["user"] == again["user"] != other["user"]
    assert (nothing["operation"], nothing["status"]) == (None, 404)
    hidden = (CANARY, "zoltan", "yusuf")  # none can stand in a hash by chance
    assert not [line for line in lines if any(word in line for word in hidden)]


def test_each_write_is_audited(lines: list[str]) -> None:
    """Who wrote what, and how it went, whatever the level; no text, not even a tag's; reads are not."""
    logging.getLogger("reflekt").setLevel(logging.WARNING)
    with Reflekt.open("memory://") as reflekt:
        client = Client(
            Dispatch(reflekt, Anybody(), cursor_secret=CURSOR_SECRET, clock=lambda: NOW), "zoltan"
        )
        created = client.write(content=CANARY, tags=[CANARY])
        path = f"/entries/{created['id']}"
        client("GET", path)
        client("PATCH", path, data={"starred": True}, headers={"If-Match": '"9"'})
        client("PUT", f"/tags/{CANARY}", data={"name": f"{CANARY}2"})
    audits = [line for line in map(json.loads, lines) if line["logger"] == "reflekt.audit"]
    assert [(a["operation"], a["subject"], a["status"]) for a in audits[:2]] == [
        ("entries.create", created["id"], 201),
        ("entries.update", created["id"], 412),
    ]
    assert (audits[2]["operation"], audits[2]["status"]) == ("tags.rename", 202)
    assert {a["user"] for a in audits} == {hashed(CURSOR_SECRET, "zoltan")}
    assert not [line for line in lines if CANARY in line or "zoltan" in line]


def test_a_look_at_others_is_audited(lines: list[str]) -> None:
    """Who looked at whose figures is written down, also when it was refused."""
    with Reflekt.open("memory://") as reflekt:
        dispatch = Dispatch(reflekt, Anybody(), cursor_secret=CURSOR_SECRET, clock=lambda: NOW)
        Client(dispatch, "admin")("GET", "/admin/usage", query="user_id=yusuf")
        Client(dispatch, "zoltan")("GET", "/admin/usage", query="user_id=yusuf")
    audits = [line for line in map(json.loads, lines) if line["logger"] == "reflekt.audit"]
    assert [(a["operation"], a["user"], a["subject"], a["status"]) for a in audits] == [
        (
            "admin.usage",
            hashed(CURSOR_SECRET, "admin"),
            hashed(CURSOR_SECRET, "yusuf"),
            200,
        ),
        ("admin.usage", hashed(CURSOR_SECRET, "zoltan"), None, 403),
    ]


class Anybody:
    """A verifier to whom every token is the name of its user."""

    def verify(self, token: str, now: datetime) -> Actor:
        """Return the user of that name; one called admin may look at others."""
        return Actor(token, permissions_of(token)) if token == "admin" else Actor(token)


def test_cors_can_be_for_all_or_for_none() -> None:
    """With * every origin is let in; with nothing no header says anything of origins."""
    with Reflekt.open("memory://") as reflekt:
        for origins, said in ((["*"], "*"), ([], None)):
            dispatch = Dispatch(
                reflekt, Anybody(), cursor_secret=CURSOR_SECRET, cors_origins=origins
            )
            sent = {"Origin": "https://any.example"}
            for method in ("GET", "OPTIONS"):
                answer = dispatch(Request(method, "/health", "", sent))
                assert answer.headers.get("Access-Control-Allow-Origin") == said
                assert "Vary" not in answer.headers


positions = st.lists(st.none() | st.integers() | st.text(), max_size=4).map(tuple)


@given(position=positions, scope=st.tuples(st.text(), st.text(), st.none() | st.text()))
def test_a_cursor_comes_back_as_its_position(position: Any, scope: Any) -> None:
    """Whatever the position is, its cursor reads as the same."""
    cursors = Cursors(CURSOR_SECRET)
    assert cursors.read(cursors.write(position, *scope), *scope) == position


@given(
    position=positions,
    scopes=st.lists(st.tuples(st.text(), st.text()), min_size=2, max_size=2, unique=True),
)
def test_a_cursor_holds_in_its_scope_only(position: Any, scopes: Any) -> None:
    """No other user, operation or query makes a cursor good."""
    cursors = Cursors(CURSOR_SECRET)
    cursor = cursors.write(position, *scopes[0])
    with pytest.raises(errors.MalformedInput):
        cursors.read(cursor, *scopes[1])
    with pytest.raises(errors.MalformedInput):
        Cursors(CURSOR_SECRET[::-1]).read(cursor, *scopes[0])


@given(text=st.text())
def test_no_text_breaks_the_reading_of_cursors(text: str) -> None:
    """What is no cursor is refused."""
    with pytest.raises(errors.MalformedInput):
        Cursors(CURSOR_SECRET).read(text, "ada")


def test_a_cursor_has_one_spelling() -> None:
    """What a lenient decoder would read as the same is refused: padding, foreign characters, spare bits."""
    cursors = Cursors(CURSOR_SECRET)
    cursor = cursors.write((1,), "ada")
    assert cursor.endswith("Q")  # four of its six bits are spare
    for other in (cursor + "=", f"{cursor[:5]}!{cursor[5:]}", cursor[:-1] + "R", f"{cursor}\n"):
        with pytest.raises(errors.MalformedInput):
            cursors.read(other, "ada")


def test_a_weak_secret_makes_no_cursors() -> None:
    """A secret of cursors has at least 32 bytes."""
    with pytest.raises(ValueError, match="32 bytes"):
        Cursors(b"x" * 31)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**60), 10**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
)


@given(value=plain, ascii=st.booleans())
def test_json_that_is_fine_is_read_as_ever(value: Any, ascii: bool) -> None:  # noqa: A002, FBT001 - json's own name
    """Strictness changes nothing for what is well-formed."""
    value = json.loads(json.dumps(value).encode().decode())
    try:
        text = json.dumps(value, ensure_ascii=ascii).encode()
    except UnicodeEncodeError:
        return
    if b"\\ud" in text:
        return
    assert parse(text) == value


@settings(max_examples=200)
@given(body=st.binary(max_size=100) | st.text('[]{}",:\\u0dD8e1-.N ', max_size=40).map(str.encode))
def test_json_is_read_or_refused(body: bytes) -> None:
    """Any bytes are either JSON to everybody, or malformed."""
    try:
        value = parse(body)
    except errors.MalformedInput:
        return
    assert json.loads(body.decode()) == value
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"a": 1,\n "b" 2}', "line 2, column 6"),
        (b'{"a": "\xff"}', "byte 7"),
        (b"[" * 40, "byte 32"),
        (b'{"secret": 1, "secret": 2}', "twice"),
    ],
)
def test_a_broken_body_is_told_where(body: bytes, said: str) -> None:
    """The message says where to look, and repeats nothing."""
    with pytest.raises(errors.MalformedInput, match=said) as caught:
        parse(body)
    assert "secret" not in caught.value.message
