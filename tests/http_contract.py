"""What every way to the operations over HTTP must do, whatever server carries it."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from waitress import create_server, wasyncore

from reflekt_core import Reflekt
from reflekt_core.app import TimeOrderedIds
from reflekt_core.operations import OPERATIONS, Operation
from reflekt_core.rest.dispatch import Dispatch
from reflekt_core.rest.messages import MAX_BODY_BYTES, Request, Response
from reflekt_core.rest.wsgi import application
from reflekt_core.security.tokens import TokenIssuer, TokenVerifier
from reflekt_core.stores import open_store

SECRET = "7Qk2vX9sLr4mZp8wTn3bYc6hJd1fGa5e0uRiOoVx"
CURSOR_SECRET = b"0d1f2e3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a6978"
NOW = datetime(2026, 11, 22, 18, 40, tzinfo=UTC)
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"

Send = Callable[[Request], Response]


def token(user: str = "ada", role: str = "user", scope: str | None = None) -> str:
    """Return a token that is good now."""
    issuer = TokenIssuer(secret=SECRET, ids=TimeOrderedIds())
    return issuer.issue(user, role=role, scope=scope, now=NOW)


class Client:
    """Sends what a user would send, and reads what comes back."""

    def __init__(self, send: Send, bearer: str | None) -> None:
        self.send = send
        self.bearer = bearer

    def __call__(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        data: Any = None,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> Response:
        """Return the response; *data* goes as JSON."""
        sent: dict[str, str] = {}
        if self.bearer is not None:
            sent["Authorization"] = f"Bearer {self.bearer}"
        if data is not None:
            body = json.dumps(data, ensure_ascii=False).encode()
        if body:
            sent["Content-Type"] = MERGE_PATCH if method == "PATCH" else JSON
        return self.send(Request(method, path, query, {**sent, **(headers or {})}, body))

    def write(self, **fields: Any) -> dict[str, Any]:
        """Write an entry and return it."""
        response = self("POST", "/entries", data={"content": "We swam.", **fields})
        assert response.status == 201, response.body
        return shown(response)


def shown(response: Response) -> Any:
    """Return the JSON of a response."""
    return json.loads(response.body)


def assert_problem(response: Response, status: int, code: str) -> dict[str, Any]:
    """Check that *response* is the problem document of *code*, and return it."""
    assert response.status == status, response.body
    assert response.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = shown(response)
    assert document["status"] == status
    assert document["code"] == code
    assert document["request_id"] == response.headers["X-Request-Id"]
    assert {"type", "title", "detail"} <= set(document)
    return document


def paths(document: dict[str, Any]) -> set[str]:
    """Return the names of the bad fields."""
    return {error["path"] for error in document["errors"]}


def filled(operation: Operation) -> str:
    """Return the path of *operation* with a good parameter."""
    return operation.path.replace("{id}", str(UUID(int=7))).replace("{tag}", "sea")


# Every subclass of the contract is an executor of its properties, and shares a journal between
# their examples: none of them depends on what is in it.
few = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[
        HealthCheck.differing_executors,
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
    ],
)

WITH_BODY = [operation for operation in OPERATIONS if operation.body]
CLOSED = [operation for operation in OPERATIONS if not operation.public]


def by_id(operation: Operation) -> str:
    """Name a test after its operation."""
    return operation.id


class API:
    """A journal, and the API on it."""

    @pytest.fixture
    def reflekt(self) -> Iterator[Reflekt]:
        """A journal with nothing in it."""
        store = open_store("memory://")
        with Reflekt.on(store, clock=lambda: NOW + timedelta(seconds=1)) as opened:
            yield opened

    @pytest.fixture
    def dispatch(self, reflekt: Reflekt) -> Dispatch:
        """The API on it."""
        return Dispatch(
            reflekt,
            TokenVerifier(secret=SECRET),
            cursor_secret=CURSOR_SECRET,
            cors_origins=["https://app.example.org"],
        )


class Listening(API):
    """The API in waitress, over real sockets."""

    @pytest.fixture
    def port(self, dispatch: Dispatch) -> Iterator[int]:
        """Where a server listens on this machine."""
        sockets: dict[int, Any] = {}
        app = application(dispatch)
        server = create_server(app, map=sockets, host="127.0.0.1", port=0, threads=4)
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                wasyncore.loop(timeout=0.05, map=sockets, count=1)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.effective_port
        ended.set()
        thread.join()
        server.task_dispatcher.shutdown()
        wasyncore.close_all(sockets, ignore_all=True)


class HTTPContract(API):
    """The contract. A subclass gives the fixture `send`, which carries a request to `dispatch`."""

    @pytest.fixture
    def send(self, dispatch: Dispatch) -> Send:
        """Carries a request to *dispatch*."""
        raise NotImplementedError

    @pytest.fixture
    def client(self, send: Send) -> Client:
        """Ada, an ordinary user."""
        return Client(send, token())

    # What goes right

    def test_an_entry_is_written_and_read_back(self, client: Client) -> None:
        """An entry comes back as it was sent, with where it is and which version."""
        text = "Τέλος 🌊\u200f שלום e\u0301\u0001\u2028 ok"
        created = client("POST", "/entries", data={"content": text, "mood": 4, "tags": ["sea"]})
        assert created.status == 201
        entry = shown(created)
        assert created.headers["Location"] == f"/entries/{entry['id']}"
        assert created.headers["ETag"] == '"1"'
        found = client("GET", f"/entries/{entry['id']}")
        assert shown(found) == entry
        assert (entry["content"], entry["mood"], entry["tags"]) == (text, 4, ["sea"])

    def test_private_fields_stay_inside(self, client: Client) -> None:
        """What is stored for Reflekt's own use is not sent."""
        assert not {"extra", "fingerprint"} & set(client.write())

    def test_put_tells_whether_it_created(self, client: Client) -> None:
        """A new thing is 201 and says where it is; one that was replaced is 200."""
        path = f"/entries/{uuid4()}"
        first = client("PUT", path, data={"content": "one"})
        second = client("PUT", path, data={"content": "two"})
        assert (first.status, first.headers["Location"]) == (201, path)
        assert (second.status, second.headers["ETag"]) == (200, '"2"')

    @pytest.mark.parametrize("kind", [MERGE_PATCH, JSON])
    def test_a_patch_changes_what_it_mentions(self, client: Client, kind: str) -> None:
        """What a merge patch leaves out stays; null empties."""
        entry = client.write(mood=4, title="Sea")
        path = f"/entries/{entry['id']}"
        patched = client("PATCH", path, data={"mood": None}, headers={"Content-Type": kind})
        assert shown(patched)["mood"] is None
        assert shown(patched)["title"] == "Sea"

    def test_settings_are_patched_group_by_group(self, client: Client) -> None:
        """A patch of one setting leaves its neighbours alone."""
        patched = client("PATCH", "/settings", data={"preferences": {"language": "pt-BR"}})
        assert shown(patched)["preferences"]["language"] == "pt-BR"
        assert shown(patched)["preferences"]["time_zone"] == "UTC"

    def test_what_was_deleted_is_gone(self, client: Client) -> None:
        """A deletion answers with nothing, and the thing is not found any more."""
        path = f"/entries/{client.write()['id']}"
        deleted = client("DELETE", path)
        assert (deleted.status, deleted.body) == (204, b"")
        assert "Content-Type" not in deleted.headers
        assert_problem(client("GET", path), 404, "not_found")

    def test_the_trash_gives_back(self, client: Client) -> None:
        """An entry in the trash is listed there and can be taken out."""
        entry = client.write()
        client("DELETE", f"/entries/{entry['id']}")
        trash = shown(client("GET", "/entries", query="trashed=true"))
        assert [one["id"] for one in trash["items"]] == [entry["id"]]
        assert client("POST", f"/entries/{entry['id']}/restore").status == 200
        assert client("GET", f"/entries/{entry['id']}").status == 200

    def test_pages_follow_each_other(self, client: Client) -> None:
        """Following the cursors tells every entry once."""
        written = {client.write(content=f"entry {n}")["id"] for n in range(5)}
        found: list[str] = []
        query = "limit=2"
        for _ in range(5):
            page = shown(client("GET", "/entries", query=query))
            found += [entry["id"] for entry in page["items"]]
            if page["next_cursor"] is None:
                break
            query = f"limit=2&cursor={page['next_cursor']}"
        assert len(found) == 5
        assert set(found) == written

    def test_changes_tell_what_is_and_what_is_gone(self, client: Client) -> None:
        """Following changes shows entries as they are, and of others that they are gone."""
        kept, binned, deleted = (client.write() for _ in range(3))
        client("DELETE", f"/entries/{binned['id']}")
        client("DELETE", f"/entries/{deleted['id']}", query="permanent=true")
        page = shown(client("GET", "/entries/changes"))
        assert page["items"][0] == {"entry": kept}
        assert [set(item) for item in page["items"][1:]] == [{"id", "deleted_at", "version"}] * 2
        assert [item["id"] for item in page["items"][1:]] == [binned["id"], deleted["id"]]
        assert page["has_more"] is False
        later = client.write()
        rest = shown(client("GET", "/entries/changes", query=f"since={page['cursor']}"))
        assert rest["items"] == [{"entry": later}]

    def test_an_export_is_lines_of_json(self, client: Client) -> None:
        """An export goes on in the link that each page gives, to the end."""
        written = {client.write()["id"] for _ in range(3)}
        found, query, link = set(), "limit=2", None
        for _ in range(9):
            page = client("GET", "/account/export", query=query)
            assert page.headers["Content-Type"] == "application/x-ndjson"
            records = [json.loads(line) for line in page.body.splitlines()]
            found |= {r["value"]["id"] for r in records if r["kind"] == "entry"}
            link = page.headers.get("Link")
            if link is None:
                break
            match = re.fullmatch(r'</account/export\?(.+)>; rel="next"', link)
            assert match is not None
            query = match[1]
        assert link is None
        assert found == written

    @pytest.mark.parametrize("tag", ["sea", "a/b", "день", "50%"])
    def test_any_tag_can_be_renamed(self, client: Client, reflekt: Reflekt, tag: str) -> None:
        """A tag may hold slashes and other letters; renaming it is a job that can be asked about."""
        client.write(tags=[tag])
        started = client("PUT", f"/tags/{tag}", data={"name": "ocean"})
        assert started.status == 202
        assert int(started.headers["Retry-After"]) >= 1
        location = started.headers["Location"]
        assert location == f"/jobs/{shown(started)['id']}"
        reflekt.drain()
        assert shown(client("GET", location))["state"] == "done"
        assert [t["name"] for t in shown(client("GET", "/tags"))["items"]] == ["ocean"]

    def test_a_pending_insight_is_accepted(self, client: Client, reflekt: Reflekt) -> None:
        """While an insight is on its way the answer says so, and when to ask again."""
        reflekt.start_worker().stop()  # a worker that never comes to it
        response = client("GET", f"/entries/{client.write()['id']}/insights")
        assert (response.status, shown(response)) == (202, {"status": "pending"})
        assert response.headers["Retry-After"] == "1"

    def test_an_idempotency_key_makes_a_repeated_request_count_once(self, client: Client) -> None:
        """The same request with the same key writes once; another one is refused."""
        key = {"Idempotency-Key": "abc"}
        first = client("POST", "/entries", data={"content": "one"}, headers=key)
        again = client("POST", "/entries", data={"content": "one"}, headers=key)
        assert shown(first)["id"] == shown(again)["id"]
        other = client("POST", "/entries", data={"content": "two"}, headers=key)
        assert_problem(other, 422, "invalid_input")

    def test_head_is_get_without_body(self, client: Client) -> None:
        """HEAD has the headers of GET, and nothing else."""
        path = f"/entries/{client.write()['id']}"
        got, head = client("GET", path), client("HEAD", path)
        assert (head.status, head.body, head.headers["ETag"]) == (200, b"", got.headers["ETag"])
        assert head.headers["Content-Length"] == str(len(got.body))

    def test_what_is_known_is_not_sent_again(self, client: Client) -> None:
        """If-None-Match with the present version is answered with 304."""
        path = f"/entries/{client.write()['id']}"
        for sent in ('"1"', 'W/"1"', '"9", "1"', "*"):
            response = client("GET", path, headers={"If-None-Match": sent})
            assert (response.status, response.body) == (304, b"")
            assert response.headers["ETag"] == '"1"'
        assert client("GET", path, headers={"If-None-Match": '"2"'}).status == 200

    # Versions

    def test_only_the_writer_who_saw_the_latest_version_wins(self, client: Client) -> None:
        """If-Match with the present version writes; with any other it is refused."""
        path = f"/entries/{client.write()['id']}"
        good = client("PATCH", path, data={"mood": 2}, headers={"If-Match": '"1"'})
        late = client("PATCH", path, data={"mood": 3}, headers={"If-Match": '"1"'})
        assert good.status == 200
        assert_problem(late, 412, "version_conflict")
        assert shown(client("GET", path))["mood"] == 2

    @pytest.mark.parametrize("tag", ['W/"1"', '"0"', '"01"', '"x"', '""', '"99999999999999999999"'])
    def test_a_tag_that_is_no_version_never_matches(self, client: Client, tag: str) -> None:
        """Weak tags, and tags that were never given, match nothing."""
        path = f"/entries/{client.write()['id']}"
        for method, data in (("PUT", {"content": "x"}), ("PATCH", {"mood": 1}), ("DELETE", None)):
            response = client(method, path, data=data, headers={"If-Match": tag})
            assert_problem(response, 412, "version_conflict")
        assert shown(client("GET", path))["version"] == 1

    def test_settings_are_guarded_before_their_first_change(self, client: Client) -> None:
        """Their version is 0 until then, and 0 is a version like any other."""
        body = {"display": {"theme": "dark"}}
        first = client("PATCH", "/settings", data=body, headers={"If-Match": '"0"'})
        assert (first.status, first.headers["ETag"]) == (200, '"1"')
        late = client("PATCH", "/settings", data=body, headers={"If-Match": '"0"'})
        assert_problem(late, 412, "version_conflict")

    def test_a_bad_body_is_told_before_a_late_version(self, client: Client) -> None:
        """A precondition counts only for what would succeed without it."""
        path = f"/entries/{client.write()['id']}"
        response = client("PATCH", path, data={"mood": 9}, headers={"If-Match": 'W/"1"'})
        assert_problem(response, 422, "invalid_input")

    @pytest.mark.parametrize("header", ["1", '"1', '"1", "2"', "W/1", ""])
    def test_a_broken_if_match_is_refused(self, client: Client, header: str) -> None:
        """What is no entity tag is malformed, not ignored."""
        path = f"/entries/{client.write()['id']}"
        response = client("DELETE", path, headers={"If-Match": header})
        assert_problem(response, 400, "malformed_input")

    def test_a_star_asks_that_the_thing_exists(self, client: Client) -> None:
        """If-Match: * replaces what is there, and creates nothing."""
        star = {"If-Match": "*"}
        path = f"/entries/{client.write()['id']}"
        assert client("PUT", path, data={"content": "x"}, headers=star).status == 200
        missing = client("PUT", f"/entries/{uuid4()}", data={"content": "x"}, headers=star)
        assert_problem(missing, 412, "version_conflict")

    def test_if_none_match_never_goes_unheard_on_a_write(self, client: Client) -> None:
        """A client that says 'only if there is none' is not answered with a replacement."""
        path = f"/entries/{client.write()['id']}"
        sent = {"If-None-Match": "*"}
        response = client("PUT", path, data={"content": "x"}, headers=sent)
        assert_problem(response, 400, "malformed_input")
        assert shown(client("GET", path))["version"] == 1

    # Who asks

    @pytest.mark.parametrize("operation", CLOSED, ids=by_id)
    def test_every_operation_wants_a_token(self, send: Send, operation: Operation) -> None:
        """Without a token nothing is done, and the answer says how to authenticate."""
        response = Client(send, None)(operation.method, filled(operation), body=b"{broken")
        assert_problem(response, 401, "unauthenticated")
        assert response.headers["WWW-Authenticate"].startswith("Bearer")

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "Bearer",
            "Bearer ",
            "Basic YWRhOmFkYQ==",
            "Token {token}",
            "{token}",
            "Bearer {token} {token}",
            "Bearer {token}, Bearer {token}",
            "Bearer {token},",
            "Bearer\t{token}",
            "Bearer {token}x",
        ],
    )
    def test_odd_authorization_is_refused(self, send: Send, header: str) -> None:
        """One Bearer token it must be, and a good one."""
        sent = {"Authorization": header.format(token=token())}
        response = send(Request("GET", "/entries", "", sent))
        assert_problem(response, 401, "unauthenticated")

    def test_the_scheme_is_read_without_case(self, send: Send) -> None:
        """Schemes have no case (RFC 9110, section 11.1)."""
        sent = {"authorization": f"bearer {token()}"}
        assert send(Request("GET", "/entries", "", sent)).status == 200

    @pytest.mark.parametrize("operation", [op for op in CLOSED if op.permission], ids=by_id)
    def test_a_lacking_permission_shows_before_the_body(
        self, send: Send, operation: Operation
    ) -> None:
        """Whether something is forbidden depends on the token alone."""
        nobody = Client(send, token(scope="admin:read"))
        for body in (b"", b"{broken", b"{}"):
            response = nobody(operation.method, filled(operation), body=body)
            assert_problem(response, 403, "forbidden")

    def test_somebody_elses_looks_like_missing(self, client: Client, send: Send) -> None:
        """Another user's entry and one that never was get the same answer."""
        entry = client.write()
        bob = Client(send, token("bob"))
        theirs, missing = bob("GET", f"/entries/{entry['id']}"), bob("GET", f"/entries/{uuid4()}")
        documents = [assert_problem(r, 404, "not_found") for r in (theirs, missing)]
        for document in documents:
            del document["request_id"]
        assert documents[0] == documents[1]

    def test_an_erased_account_refuses_older_tokens(self, client: Client) -> None:
        """Erasing the account needs one's own id, and ends every token issued before."""
        wrong = client("DELETE", "/account", data={"confirm": "bob"})
        assert_problem(wrong, 422, "invalid_input")
        assert client("DELETE", "/account", data={"confirm": "ada"}).status == 202
        assert_problem(client("GET", "/entries"), 401, "unauthenticated")

    def test_health_needs_no_token(self, send: Send) -> None:
        """Anybody may ask whether the service is up."""
        response = send(Request("GET", "/health"))
        assert (response.status, shown(response)["status"]) == (200, "ok")
        assert "ETag" not in response.headers

    # Paths and parameters

    @pytest.mark.parametrize(
        "path",
        ["/", "/nothing", "/entries/", "//entries", "/Entries", "/entries/x/y", "/tags/", "/jobs"],
    )
    def test_unknown_paths_are_not_found(self, client: Client, path: str) -> None:
        """Where there is nothing, the answer says so."""
        assert_problem(client("GET", path), 404, "not_found")

    @pytest.mark.parametrize(
        ("method", "path", "allow"),
        [
            ("PUT", "/entries/search", "GET, HEAD, OPTIONS"),
            ("PATCH", "/entries", "GET, HEAD, OPTIONS, POST"),
            ("TRACE", f"/jobs/{UUID(int=1)}", "GET, HEAD, OPTIONS"),
            ("HEAD", "/suggestions", "OPTIONS, POST"),
            ("POST", "/openapi.json", "GET, HEAD"),
        ],
    )
    def test_a_method_that_is_not_there_is_told(
        self, client: Client, method: str, path: str, allow: str
    ) -> None:
        """The answer lists the methods that the path has."""
        response = client(method, path)
        assert response.status == 405
        assert response.headers["Allow"] == allow

    @pytest.mark.parametrize(
        "path", ["/entries/x", "/jobs/1", "/categories/{0}", "/entries/x/insights"]
    )
    def test_a_bad_id_is_named(self, client: Client, path: str) -> None:
        """An id that is none is a malformed parameter."""
        method = "DELETE" if path.startswith("/categories") else "GET"
        document = assert_problem(client(method, path), 400, "malformed_input")
        assert paths(document) == {"id"}

    def test_every_bad_parameter_is_named(self, client: Client) -> None:
        """Wrong, unknown and repeated parameters are refused by name."""
        wrong = client("GET", "/entries", query="mood_min=x&limit=0&from=never&colour=red")
        document = assert_problem(wrong, 400, "malformed_input")
        assert paths(document) == {"mood_min", "limit", "from", "colour"}
        twice = client("GET", "/entries", query="limit=1&limit=2")
        assert paths(assert_problem(twice, 400, "malformed_input")) == {"limit"}
        assert client("GET", "/entries", query="tag=a&tag=b").status == 200
        none = client("GET", "/settings", query="a=1")
        assert paths(assert_problem(none, 400, "malformed_input")) == {"a"}
        missing = client("GET", "/entries/search")
        assert paths(assert_problem(missing, 400, "malformed_input")) == {"q"}

    @pytest.mark.parametrize(
        "query", ["q=%ff", "q=%zz", "q=%", "q=%ed%a0%80", "&".join(["tag=a"] * 300)]
    )
    def test_a_query_that_cannot_be_read_is_refused(self, client: Client, query: str) -> None:
        """Broken escapes, what is no UTF-8, and no end of parameters are malformed."""
        assert_problem(client("GET", "/entries/search", query=query), 400, "malformed_input")

    @pytest.mark.parametrize("key", ["", "x" * 256, "a b", "é", "a\x7f"])
    def test_a_bad_idempotency_key_is_refused(self, client: Client, key: str) -> None:
        """A key is 1 to 255 visible ASCII characters."""
        sent = {"Idempotency-Key": key}
        response = client("POST", "/entries", data={"content": "x"}, headers=sent)
        assert_problem(response, 400, "malformed_input")

    # Cursors

    def cursor(self, client: Client, query: str = "limit=1") -> str:
        """Return the cursor of a list that goes on."""
        for n in range(3):
            client.write(content=f"entry {n}")
        found = shown(client("GET", "/entries", query=query))["next_cursor"]
        assert isinstance(found, str)
        return found

    def test_a_cursor_belongs_to_its_user_and_query(self, client: Client, send: Send) -> None:
        """A cursor is refused for another user, another query and another operation."""
        cursor = self.cursor(client)
        bob = Client(send, token("bob"))
        foreign = [
            bob("GET", "/entries", query=f"cursor={cursor}"),
            client("GET", "/entries", query=f"order=asc&cursor={cursor}"),
            client("GET", "/entries", query=f"tag=a&cursor={cursor}"),
            client("GET", "/tags", query=f"cursor={cursor}"),
            client("GET", "/entries/search", query=f"q=entry&cursor={cursor}"),
        ]
        for response in foreign:
            document = assert_problem(response, 400, "malformed_input")
            assert paths(document) == {"cursor"}
        since = client("GET", "/entries/changes", query=f"since={cursor}")
        assert paths(assert_problem(since, 400, "malformed_input")) == {"since"}
        # The page size, and saying a default aloud, change nothing.
        assert client("GET", "/entries", query=f"limit=2&cursor={cursor}").status == 200
        assert client("GET", "/entries", query=f"order=desc&cursor={cursor}").status == 200

    @few
    @given(data=st.data())
    def test_a_changed_cursor_is_refused(self, client: Client, data: st.DataObject) -> None:
        """Whatever is changed in a cursor, it is refused and nothing breaks."""
        cursor = self.cursor(client)
        at = data.draw(st.integers(0, len(cursor) - 1))
        put = data.draw(st.sampled_from(["", "A", "_", "=", "é", "\x00", "AA", "%"]))
        changed = cursor[:at] + put + cursor[at + 1 :]
        if changed == cursor:
            return
        sent = "".join(f"%{byte:02x}" for byte in changed.encode())
        response = client("GET", "/entries", query=f"cursor={sent}")
        assert_problem(response, 400, "malformed_input")

    # Bodies

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"{'content': 'x'}",
            b'{"content": "x",}',
            b'{"content": "x"} x',
            b'\xef\xbb\xbf{"content": "x"}',
            '{"content": "x"}'.encode("utf-16"),
            b'{"content": "\xff"}',
            b'{"content": "\\ud800"}',
            b'{"content": "x", "\\udfff": 1}',
            b'{"content": "\xed\xa0\x80"}',
            b'{"content": "x", "content": "y"}',
            b'{"content": "x", "mood": NaN}',
            b'{"content": "x", "mood": -Infinity}',
            b'{"content": "x", "mood": 1e999}',
            b'{"content": "x", "mood": ' + b"9" * 5000 + b"}",
            b"[" * 33 + b"]" * 33,
            b"[" * 100_000,
            b'{"a":' * 40_000,
            b'{"content": "a\nb"}',
            b'"' + b"\\" * 99_999,
        ],
    )
    def test_json_is_read_strictly(self, client: Client, body: bytes) -> None:
        """What is not plain JSON in UTF-8 is malformed, and the answer does not repeat it."""
        response = client("POST", "/entries", body=body, headers={"Content-Type": JSON})
        document = assert_problem(response, 400, "malformed_input")
        assert len(document["detail"]) < 200
        assert shown(client("GET", "/entries"))["items"] == []

    def test_thirty_two_levels_are_not_too_deep(self, client: Client) -> None:
        """Brackets in text do not count, and 32 levels can be read: then fields are judged."""
        assert client.write(content="[{" * 500)["word_count"] == 0
        body = b'{"tags": ' + b"[" * 31 + b"]" * 31 + b"}"
        assert_problem(client("POST", "/entries", body=body), 422, "invalid_input")

    @pytest.mark.parametrize("body", [b"null", b"[]", b'"x"', b"1", b"true"])
    @pytest.mark.parametrize("operation", WITH_BODY, ids=by_id)
    def test_a_body_is_an_object(self, client: Client, operation: Operation, body: bytes) -> None:
        """JSON that is no object is well-formed but invalid."""
        response = client(operation.method, filled(operation), body=body)
        assert_problem(response, 422, "invalid_input")

    def test_every_bad_field_is_named(self, client: Client) -> None:
        """Wrong, missing and unknown fields are all told at once, by path."""
        data = {"mood": 9, "tags": ["ok", ""], "colour": 1, "time_zone": "Mars/Base"}
        document = assert_problem(client("POST", "/entries", data=data), 422, "invalid_input")
        assert paths(document) == {"content", "mood", "tags[1]", "colour", "time_zone"}
        nested = client("PATCH", "/settings", data={"ai": {"provider": "x", "consent": ["y"]}})
        document = assert_problem(nested, 422, "invalid_input")
        assert paths(document) == {"ai.provider", "ai.consent[0]"}

    def test_an_answer_is_never_as_long_as_a_wrong_question(self, client: Client) -> None:
        """Thousands of unknown fields are not all repeated."""
        data = {f"{n}{'x' * 200}": n for n in range(1000)}
        response = client("POST", "/entries", data=data)
        document = assert_problem(response, 422, "invalid_input")
        assert len(document["errors"]) == 100
        assert max(len(path) for path in paths(document)) <= 100

    @pytest.mark.parametrize(
        "kind",
        [
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/jsonp",
            "application/json; charset=latin-1",
            "application/json, application/json",
            MERGE_PATCH,
        ],
    )
    def test_other_kinds_of_body_are_refused(self, client: Client, kind: str) -> None:
        """POST reads JSON in UTF-8, and nothing else."""
        sent = {"Content-Type": kind}
        response = client("POST", "/entries", data={"content": "x"}, headers=sent)
        assert_problem(response, 415, "unsupported_media_type")

    @pytest.mark.parametrize("kind", ["Application/JSON", 'application/json; charset="UTF-8"'])
    def test_the_type_is_read_without_case(self, client: Client, kind: str) -> None:
        """Media types and charsets have no case."""
        sent = {"Content-Type": kind}
        assert client("POST", "/entries", data={"content": "x"}, headers=sent).status == 201

    def test_compressed_bodies_are_refused(self, client: Client) -> None:
        """A body is taken as it is or not at all."""
        sent = {"Content-Encoding": "gzip"}
        response = client("POST", "/entries", data={"content": "x"}, headers=sent)
        assert_problem(response, 415, "unsupported_media_type")

    def test_a_body_may_be_256_kib(self, client: Client) -> None:
        """One byte more is too large; the limit itself is not."""
        body = b'{"content": "x"}'
        exact = body + b" " * (MAX_BODY_BYTES - len(body))
        assert client("POST", "/entries", body=exact).status == 201
        assert_problem(client("POST", "/entries", body=exact + b" "), 413, "too_large")

    @few
    @given(
        body=st.binary(max_size=200)
        | st.text(alphabet='{}[]":,0e\\u-d8 ', max_size=60).map(str.encode)
    )
    @pytest.mark.parametrize("operation", WITH_BODY, ids=by_id)
    def test_no_bytes_break_an_operation(
        self, client: Client, operation: Operation, body: bytes
    ) -> None:
        """Whatever bytes are sent, the answer blames the client and names no internal error."""
        response = client(
            operation.method,
            filled(operation),
            body=body,
            headers={"Content-Type": JSON},
        )
        assert response.status < 500, response.body
        assert response.status < 300 or shown(response)["status"] == response.status

    @few
    @given(data=st.data())
    @pytest.mark.parametrize("operation", WITH_BODY, ids=by_id)
    def test_no_values_break_an_operation(
        self, client: Client, operation: Operation, data: st.DataObject
    ) -> None:
        """Whatever JSON stands in whichever field, the answer is never a failure."""
        body_type: Any = operation.body
        names = [field.name.rstrip("_") for field in body_type.__attrs_attrs__]
        sent = data.draw(
            st.dictionaries(st.sampled_from(names) | st.text(max_size=5), anything, max_size=6)
        )
        response = client(operation.method, filled(operation), data=sent)
        assert response.status < 500, response.body

    @few
    @given(query=st.text(max_size=40).map(lambda t: "".join(f"%{b:02x}" for b in t.encode())))
    @pytest.mark.parametrize(
        "operation", [op for op in OPERATIONS if op.method == "GET"], ids=by_id
    )
    def test_no_query_breaks_an_operation(
        self, client: Client, operation: Operation, query: str
    ) -> None:
        """Whatever the parameters are, the answer is never a failure."""
        names = ("q", "from", "to", "date", "tag", "limit", "cursor", "since", "user_id", "bucket")
        for sent in (query, *(f"{name}={query}" for name in names)):
            response = client("GET", filled(operation), query=sent)
            assert response.status < 500, (sent, response.body)

    # Headers of every answer

    def test_every_answer_has_an_id_and_is_kept_by_nobody(self, client: Client) -> None:
        """A sane request id is taken up; any other is replaced."""
        for sent, taken in (("abc-1", True), ("a b", False), ("x" * 129, False), ("<>", False)):
            response = client("GET", "/entries", headers={"X-Request-Id": sent})
            assert (response.headers["X-Request-Id"] == sent) is taken
            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
        ids = {client("GET", "/entries").headers["X-Request-Id"] for _ in range(9)}
        assert len(ids) == 9

    def test_pages_of_a_named_origin_may_call(self, send: Send) -> None:
        """A preflight is answered without a token, for the origin that is let in."""
        sent = {
            "Origin": "https://app.example.org",
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "authorization",
        }
        response = send(Request("OPTIONS", f"/entries/{uuid4()}", "", sent))
        assert (response.status, response.body) == (204, b"")
        assert response.headers["Access-Control-Allow-Origin"] == "https://app.example.org"
        assert "PATCH" in response.headers["Access-Control-Allow-Methods"]
        for name in ("Authorization", "Content-Type", "If-Match", "Idempotency-Key"):
            assert name in response.headers["Access-Control-Allow-Headers"]
        refused = send(Request("GET", "/entries", "", sent))
        assert refused.status == 401
        assert refused.headers["Access-Control-Allow-Origin"] == "https://app.example.org"
        for name in ("ETag", "Location", "Link", "Retry-After", "X-Request-Id"):
            assert name in refused.headers["Access-Control-Expose-Headers"]

    @pytest.mark.parametrize(
        "origin", ["https://evil.example", "null", "https://app.example.org.evil"]
    )
    def test_pages_of_other_origins_may_not(self, send: Send, origin: str) -> None:
        """An origin that is not named is told nothing, and caches keep the answers apart."""
        for method in ("GET", "OPTIONS"):
            response = send(Request(method, "/entries", "", {"Origin": origin}))
            assert "Access-Control-Allow-Origin" not in response.headers
            assert response.headers["Vary"] == "Origin"

    def test_options_on_nothing_is_not_found(self, send: Send) -> None:
        """A preflight makes no path up."""
        assert send(Request("OPTIONS", "/nothing")).status == 404


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
    | st.sampled_from(["2026-11-22", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
