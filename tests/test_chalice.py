"""The API as a Chalice app behind API Gateway."""

import base64
import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chalice.app import Chalice
from hypothesis import given
from hypothesis import strategies as st

from reflekt_chalice import Service, create_app, create_authorizer, journal_blueprint
from reflekt_chalice.adapter import METHODS
from reflekt_chalice.events import request_of
from reflekt_core import Reflekt
from reflekt_core.model.accounts import Actor
from reflekt_core.operations import OPERATIONS
from reflekt_core.rest.dispatch import Dispatch
from reflekt_core.rest.messages import MAX_BODY_BYTES, Request, Response
from reflekt_core.security.tokens import TokenVerifier
from reflekt_core.stores import open_store

from .api_gateway import Gateway
from .http_contract import (
    API,
    CURSOR_SECRET,
    NOW,
    SECRET,
    Client,
    HTTPContract,
    Send,
    assert_problem,
    shown,
    token,
)

ORIGIN = "https://app.example.org"


def service(dispatch: Dispatch) -> Service:
    """Return a service that answers with *dispatch*."""
    verifier = TokenVerifier(secret=SECRET)
    return Service(lambda: dispatch, lambda: verifier, lambda: NOW)


class ChaliceContract(HTTPContract):
    """The contract, but for what API Gateway takes out of a request."""

    @pytest.mark.parametrize(
        "query", ["q=%ff", "q=%ed%a0%80", "q=a&tag=%ff", "&".join(["tag=a"] * 300)]
    )
    def test_a_query_that_cannot_be_read_is_refused(self, client: Client, query: str) -> None:
        """What is no UTF-8 is malformed."""
        assert_problem(client("GET", "/entries/search", query=query), 400, "malformed_input")

    @pytest.mark.parametrize("query", ["q=%zz", "q=swam%"])
    def test_a_broken_escape_is_text(self, client: Client, query: str) -> None:
        """The gateway decodes; what it left is searched for as it stands."""
        assert client("GET", "/entries/search", query=query).status == 200


class TestBehindTheAuthorizer(ChaliceContract):
    """In memory, at the address that AWS gives, with an authorizer whose answers are kept."""

    @pytest.fixture
    def send(self, dispatch: Dispatch) -> Send:
        """A request is an event."""
        used = service(dispatch)
        return Gateway(
            create_app(service=used), authorise=create_authorizer(used), origins=(ORIGIN,)
        )


class TestAlone(ChaliceContract):
    """On SQLite, under a domain of one's own, checking tokens itself."""

    @pytest.fixture
    def reflekt(self, tmp_path: Path) -> Iterator[Reflekt]:
        """A journal with nothing in it, on disk."""
        store = open_store(f"sqlite:///{tmp_path}/journal.db")
        with Reflekt.on(store, clock=lambda: NOW + timedelta(seconds=1)) as opened:
            yield opened

    @pytest.fixture
    def send(self, dispatch: Dispatch) -> Send:
        """A request is an event."""
        return Gateway(create_app(service=service(dispatch)), base="")


class TestApp(API):
    """What the app makes of events, beside the contract."""

    @pytest.fixture
    def gateway(self, dispatch: Dispatch) -> Gateway:
        """The app, which checks tokens itself."""
        return Gateway(create_app(service=service(dispatch)))

    def test_every_operation_is_a_route(self, gateway: Gateway) -> None:
        """A tag takes the rest of the path; anything else stands as it is in the table."""
        for operation in OPERATIONS:
            path = operation.path.replace("{tag}", "{tag+}")
            assert operation.method in gateway.app.routes[path]
            # API Gateway answers in its own words to methods that a path does not have.
            assert set(gateway.app.routes[path]) == set(METHODS)

    def test_addresses_begin_with_the_stage(self, gateway: Gateway) -> None:
        """A client that follows Location or Link comes back to the same API."""
        sent = {"Authorization": f"Bearer {token()}", "Content-Type": "application/json"}
        created = gateway.app(gateway.event(Request("POST", "/entries", "", sent, CONTENT)), None)
        assert created["headers"]["Location"].startswith("/prod/entries/")
        export = Request("GET", "/account/export", "limit=1", sent)
        for prefix in ("/prod", "", "/v1/journal"):
            event = Gateway(gateway.app, base=prefix).event(export)
            link = gateway.app(event, None)["headers"]["Link"]
            assert link.startswith(f"<{prefix}/account/export?")

    @pytest.mark.parametrize(
        "path", ["/api-docs", "/openapi.json", "/api-docs/favicon-32x32.png", "/api-docs/page.css"]
    )
    def test_the_documentation_arrives_as_it_is(
        self, gateway: Gateway, dispatch: Dispatch, path: str
    ) -> None:
        """Pages and pictures pass unharmed, whatever the client says that it takes."""
        expected = dispatch(Request("GET", path)).body
        for headers in ({}, {"Accept": "text/html, */*;q=0.8"}, {"Accept": "image/avif"}):
            answer = gateway(Request("GET", path, "", headers))
            assert (answer.status, answer.body) == (200, expected)

    def test_the_request_id_is_the_gateways(self, gateway: Gateway) -> None:
        """Unless the client names one, its log and ours speak of the same request."""
        event = gateway.event(Request("GET", "/health"))
        answer = gateway.app(event, None)
        assert answer["headers"]["X-Request-Id"] == event["requestContext"]["requestId"]

    def test_nothing_is_sent_as_nothing(self, gateway: Gateway) -> None:
        """An empty answer has no body, not the word null."""
        client = Client(gateway, token())
        entry = client.write()
        event = gateway.event(
            Request("DELETE", f"/entries/{entry['id']}", "", {"Authorization": f"Bearer {token()}"})
        )
        answer = gateway.app(event, None)
        assert (answer["statusCode"], answer["body"]) == (204, "")

    def test_chalice_local_can_be_asked(self, gateway: Gateway) -> None:
        """Its events have bodies of bytes, and no id or list of headers."""
        sent = {"Authorization": f"Bearer {token()}", "Content-Type": "application/json"}
        event = gateway.event(Request("POST", "/entries", "", sent))
        event |= {"body": CONTENT, "isBase64Encoded": False}
        del event["multiValueHeaders"], event["requestContext"]["requestId"]
        answer = gateway.app(event, None)
        assert answer["statusCode"] == 201
        assert len(answer["headers"]["X-Request-Id"]) == 32
        asked = gateway.event(Request("GET", "/api-docs/page.css"))
        asked["pathParameters"] = {"page+": "page.css"}
        assert gateway.app(asked, None)["headers"]["Content-Type"].startswith("text/css")

    def test_headers_of_one_value_do(self, gateway: Gateway) -> None:
        """An event without lists of headers, as local servers make it, is read as well."""
        event = gateway.event(
            Request("GET", "/entries", "", {"Authorization": f"Bearer {token()}"})
        )
        del event["multiValueHeaders"]
        assert gateway.app(event, None)["statusCode"] == 200

    def test_a_repeated_header_is_seen_as_such(self, gateway: Gateway) -> None:
        """Of two tokens none is chosen."""
        event = gateway.event(Request("GET", "/entries"))
        event["multiValueHeaders"] = {"authorization": [f"Bearer {token()}"] * 2}
        event["headers"] = {"authorization": f"Bearer {token()}"}
        assert gateway.app(event, None)["statusCode"] == 401

    @pytest.mark.parametrize("change", [{"body": "?", "isBase64Encoded": True}, {"body": 7}])
    def test_an_event_that_makes_no_sense_is_a_failure_of_ours(
        self, gateway: Gateway, change: dict[str, Any]
    ) -> None:
        """It is told as any other failure, in our form."""
        event = gateway.event(Request("POST", "/entries", "", {}, CONTENT)) | change
        answer = gateway.app(event, None)
        assert answer["statusCode"] == 500
        document = json.loads(base64.b64decode(answer["body"]))
        assert document["code"] == "internal_error"
        assert document["request_id"] == event["requestContext"]["requestId"]

    def test_what_is_no_text_is_malformed(self, gateway: Gateway) -> None:
        """Neither a path that is no UTF-8 nor half a character in a body is guessed at."""
        sent = {"Authorization": f"Bearer {token()}", "Content-Type": "application/json"}
        path = gateway.event(Request("PUT", "/tags/\udcff", "", sent, b'{"name": "x"}'))
        assert path["pathParameters"] == {"tag": "%FF"}
        body = gateway.event(Request("POST", "/entries", "", sent))
        body["body"] = '{"content": "\ud800"}'
        for event in (path, body):
            assert gateway.app(event, None)["statusCode"] == 400

    def test_an_address_that_cannot_be_made_out_has_no_base(self, gateway: Gateway) -> None:
        """The route counts, whatever the address seems to be."""
        for place in ("/prod/entries/more", "/prod", "", "/entries?x"):
            event = gateway.event(Request("GET", "/entries"))
            event["requestContext"]["path"] = place
            request = request_of(event, "/entries")
            assert (request.base, request.path) == ("", "/entries")

    def test_other_events_are_not_for_the_app(self, gateway: Gateway) -> None:
        """What is no event of a REST API is refused, and breaks nothing."""
        for event in ({}, {"requestContext": {"http": {"method": "GET"}}, "rawPath": "/entries"}):
            answer = gateway.app(event, None)
            assert answer["statusCode"] == 500
            assert b"Unknown request." in base64.b64decode(answer["body"])

    @pytest.mark.parametrize("functions", [("entries",), ("settings", "analytics")])
    def test_an_app_may_answer_for_some_functions(
        self, dispatch: Dispatch, functions: tuple[str, ...]
    ) -> None:
        """It has their routes, and what is not its own is not found."""
        app = create_app(functions=functions, service=service(dispatch))
        assert ("/entries" in app.routes) is ("entries" in functions)
        assert ("/api-docs" in app.routes) is ("settings" in functions)
        event = Gateway(create_app(service=service(dispatch))).event(Request("GET", "/nothing"))
        event["requestContext"]["resourcePath"] = "/{other+}"
        event["pathParameters"] = {"other": "nothing"}
        assert app(event, None)["statusCode"] == 404

    def test_middleware_of_ones_own_runs(self, dispatch: Dispatch) -> None:
        """It sees the request before the journal, and the answer after it."""
        app = create_app(service=service(dispatch))
        seen: list[Any] = []

        @app.middleware("http")
        def watch(request: Any, get_response: Callable[[Any], Any]) -> Any:
            seen.append(request.path)
            answer = get_response(request)
            seen.append(answer.status_code)
            return answer

        Gateway(app)(Request("GET", "/health"))
        assert seen == ["/health", 200]


CONTENT = b'{"content": "We swam."}'
CANARY = "the-canary-sings"


class Failing:
    """A verifier that fails, and tells too much."""

    def verify(self, bearer: str, now: datetime) -> Actor:
        """Fail."""
        raise RuntimeError(f"{CANARY} {bearer}")


def failing() -> Dispatch:
    """Fail where no dispatch can tell."""
    raise RuntimeError(CANARY)


@pytest.mark.parametrize("opened", [False, True])
def test_no_log_and_no_answer_quotes_what_was_sent(
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    opened: bool,  # noqa: FBT001 - an example
) -> None:
    """A failure anywhere is a 500 that names its request; every log at DEBUG keeps quiet."""
    with Reflekt.open("memory://") as reflekt:
        inside = Dispatch(reflekt, Failing(), cursor_secret=CURSOR_SECRET, clock=lambda: NOW)
        verifier = TokenVerifier(secret=SECRET)
        app = create_app(service=Service(lambda: inside if opened else failing(), lambda: verifier))
        app.log.propagate = True
        sent = {"Authorization": f"Bearer {CANARY}", "Content-Type": "application/json"}
        body = json.dumps({"content": CANARY}).encode()
        with caplog.at_level(logging.DEBUG):
            for method, path in (("POST", "/entries"), ("PUT", f"/tags/{CANARY}")):
                answer = Gateway(app)(Request(method, path, f"q={CANARY}", sent, body))
                assert_problem(answer, 500, "internal_error")
                assert CANARY.encode() not in answer.body
        app.log.propagate = False
    written = capfd.readouterr()
    assert CANARY not in written.out + written.err + caplog.text
    assert CANARY not in "".join(str(vars(record)) for record in caplog.records)
    assert any("builtins.RuntimeError" in str(vars(record)) for record in caplog.records)


def test_what_chalice_logs_names_no_text(capfd: pytest.CaptureFixture[str]) -> None:
    """Even a view that is not ours, in our app, tells its exceptions' places only."""
    app = create_app("canaries", functions=("entries",))

    @app.route("/mine")
    def mine() -> Any:
        raise RuntimeError(CANARY)

    event = Gateway(create_app(functions=("entries", "settings"))).event(Request("GET", "/health"))
    event["requestContext"]["resourcePath"] = "/mine"
    assert app(event, None)["statusCode"] == 500
    written = capfd.readouterr()
    assert "builtins.RuntimeError" in written.out
    assert CANARY not in written.out + written.err


class TestBlueprint(API):
    """The journal in somebody's own app."""

    @pytest.fixture
    def app(self, dispatch: Dispatch) -> Chalice:
        """An app with routes and middleware of its own."""
        app = Chalice("their-app", configure_logs=False)
        app.api.cors = True
        app.register_blueprint(
            journal_blueprint(service=service(dispatch)), url_prefix="/my/journal"
        )

        @app.route("/entries")
        def theirs() -> dict[str, str]:
            return {"entries": "theirs"}

        @app.middleware("http")
        def mark(request: Any, get_response: Callable[[Any], Any]) -> Any:
            answer = get_response(request)
            answer.headers["X-Theirs"] = "yes"
            return answer

        return app

    @pytest.fixture
    def client(self, app: Chalice) -> Client:
        """Ada, who asks the journal below its prefix."""
        gateway = Gateway(app)

        def send(request: Request) -> Response:
            below = Request(
                request.method,
                f"/my/journal{request.path}",
                request.query,
                request.headers,
                request.body,
            )
            return gateway(below)

        return Client(send, token())

    def test_the_journal_answers_below_the_prefix(self, client: Client) -> None:
        """Addresses in answers begin with the prefix, and text is text."""
        text = "Τέλος 🌊\u2028 ok"
        created = client("POST", "/entries", data={"content": text, "tags": ["a/b"]})
        assert (created.status, created.headers["X-Theirs"]) == (201, "yes")
        id = shown(created)["id"]
        assert created.headers["Location"] == f"/my/journal/entries/{id}"
        assert shown(client("GET", f"/entries/{id}"))["content"] == text
        patched = client("PATCH", f"/entries/{id}", data={"mood": 4})
        assert (patched.status, patched.headers["ETag"]) == (200, '"2"')
        assert client("PUT", "/tags/a/b", data={"name": "c"}).status == 202
        gone = client("DELETE", f"/entries/{id}")
        assert (gone.status, gone.body) == (204, b"")
        assert_problem(client("GET", f"/entries/{id}"), 404, "not_found")
        assert client("GET", "/api-docs").status == 200

    def test_their_routes_stay_theirs(self, app: Chalice) -> None:
        """The journal adds routes below its prefix, and no event or authorizer."""
        answer = Gateway(app)(Request("GET", "/entries"))
        assert (shown(answer), answer.headers["X-Theirs"]) == ({"entries": "theirs"}, "yes")
        assert [r for r in app.routes if not r.startswith("/my/journal/")] == ["/entries"]
        assert not app.event_sources
        assert not app.builtin_auth_handlers

    def test_a_preflight_is_the_journals_own(self, app: Chalice) -> None:
        """Whose pages may call is what the journal was told, not the app."""
        sent = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
        answer = Gateway(app)(Request("OPTIONS", "/my/journal/entries", "", sent))
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        others = {"Origin": "https://evil.example"}
        for method in ("OPTIONS", "GET"):
            refused = Gateway(app)(Request(method, "/my/journal/entries", "", others))
            assert "Access-Control-Allow-Origin" not in refused.headers

    def test_another_authorizers_word_is_not_heeded(self, app: Chalice) -> None:
        """What it means by a user id is not known; the token is read."""
        event = Gateway(app).event(Request("GET", "/my/journal/entries"))
        context = {
            "user_id": "ada",
            "role": "user",
            "scope": "entries:read",
            "iat": "1",
            "exp": "4e9",
        }
        event["requestContext"]["authorizer"] = context
        assert app(event, None)["statusCode"] == 401

    def test_an_authorizer_of_ours_may_be_theirs(self, dispatch: Dispatch) -> None:
        """Registered on their app, it is asked before every route that needs a token."""
        app = Chalice("their-app", configure_logs=False)
        ours = create_authorizer(service(dispatch))

        @app.authorizer()
        def authorise(request: Any) -> Any:
            asked = {"type": "TOKEN", "authorizationToken": request.token}
            return ours(asked | {"methodArn": request.method_arn})

        blueprint = journal_blueprint(service=service(dispatch), authorizer=authorise)
        app.register_blueprint(blueprint, url_prefix="/journal")
        gateway = Gateway(app, authorise=authorise)
        sent = {"Authorization": f"Bearer {token()}"}
        assert gateway(Request("GET", "/journal/entries", "", sent)).status == 200
        assert gateway(Request("GET", "/journal/entries", "", {})).status == 401
        assert gateway(Request("GET", "/journal/health")).status == 200
        assert len(gateway.kept) == 1


@given(
    tag=st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20),
    base=st.sampled_from(["", "/prod", "/v1/journal", "/tags"]),
)
def test_a_path_is_decoded_once(tag: str, base: str) -> None:
    """Whatever stands in a path, the request has it as it was meant, below where the API is."""
    app = create_app(functions=("entries",))
    gateway = Gateway(app, base=base)
    if tag.endswith("/") or "\n" in tag:
        return
    request = request_of(gateway.event(Request("PUT", f"/tags/{tag}")), "/tags/{tag+}")
    assert (request.base, request.path) == (base, f"/tags/{tag}")


def test_a_body_is_measured_when_it_is_decoded() -> None:
    """Base64 is longer than what it stands for."""
    gateway = Gateway(create_app(functions=("entries",)))
    for size, read in ((MAX_BODY_BYTES, True), (MAX_BODY_BYTES + 1, False)):
        event = gateway.event(Request("POST", "/entries", body=b"x" * size))
        assert (request_of(event, "/entries").body is not None) is read
