"""Who asks: the Lambda authorizer, and what the app makes of its answer."""

import base64
import hmac
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflekt_chalice import Service, create_app, create_authorizer
from reflekt_chalice.authorizer import AuthorizerFailed, Refused, actor_in
from reflekt_core import Reflekt
from reflekt_core.app import TimeOrderedIds
from reflekt_core.errors import Unauthenticated
from reflekt_core.model.accounts import PERMISSIONS, Actor, Role
from reflekt_core.operations import OPERATIONS
from reflekt_core.rest.dispatch import Dispatch
from reflekt_core.rest.messages import Request
from reflekt_core.security.tokens import TokenIssuer, TokenVerifier

from .api_gateway import Gateway, allows, method_arn
from .http_contract import (
    CURSOR_SECRET,
    NOW,
    SECRET,
    Client,
    by_id,
    filled,
    token,
)
from .test_tokens import ATTACKS, EXP, VERIFIER, claiming, federated, made, provided
from .test_tokens import NOW as THEN

CANARY = "the-canary-sings"


def authorise(verifier: TokenVerifier, now: datetime, bearer: str, **event: Any) -> dict[str, Any]:
    """Return what the authorizer answers."""
    asked = {
        "type": "TOKEN",
        "authorizationToken": f"Bearer {bearer}",
        "methodArn": method_arn("GET", "/entries"),
    }
    return create_authorizer(Service(_nothing, lambda: verifier, lambda: now))(asked | event)


def _nothing() -> Dispatch:
    raise AssertionError("the authorizer answers no requests")


def behind(context: Any) -> dict[str, Any]:
    """Return an event that passed the authorizer."""
    return {"requestContext": {"authorizer": context}}


def test_the_policy_lets_the_bearer_call_the_whole_api() -> None:
    """Who it is stands in the context, as text; what is allowed is every route of the stage."""
    policy = authorise(VERIFIER, THEN, made())
    assert policy["principalId"] == "mira"
    (statement,) = policy["policyDocument"]["Statement"]
    assert statement == {
        "Action": "execute-api:Invoke",
        "Effect": "Allow",
        "Resource": ["arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/prod/*"],
    }
    context = policy["context"]
    assert (context["user_id"], context["role"]) == ("mira", "user")
    assert context["scope"].split() == sorted(PERMISSIONS[Role.USER])
    assert all(isinstance(value, str) for value in context.values())


def test_a_request_authorizer_reads_the_header() -> None:
    """One header of that name there must be, in whatever case."""
    event = {"type": "REQUEST", "multiValueHeaders": {"authorization": [f"bearer {made()}"]}}
    assert authorise(VERIFIER, THEN, "", **event)["principalId"] == "mira"
    for headers in (None, {}, {"Authorization": [f"Bearer {made()}"] * 2}):
        with pytest.raises(Refused):
            authorise(VERIFIER, THEN, "", **event | {"multiValueHeaders": headers})


# Of a header, the spaces before the token are no part of it.
@pytest.mark.parametrize("attack", sorted(ATTACKS.keys() - {"space before"}))
def test_tokens_of_attackers_are_refused(attack: str) -> None:
    """API Gateway answers 401 if the message is this word."""
    with pytest.raises(Refused, match=r"^Unauthorized$") as caught:
        authorise(VERIFIER, THEN, ATTACKS[attack]())
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_tokens_of_a_provider_are_accepted(algorithm: str) -> None:
    """Keys do as well as secrets."""
    policy = authorise(federated(), THEN, provided(algorithm))
    assert policy["context"]["user_id"] == "mira"


@pytest.mark.parametrize("role", [*Role, "nobody"])
def test_the_policy_is_the_same_for_every_pair_of_routes(role: str) -> None:
    """What API Gateway keeps from one route is what any other would get."""
    bearer = claiming(role=role)
    fresh = {}
    for operation in OPERATIONS:
        arn = method_arn(operation.method, filled(operation))
        fresh[arn] = authorise(VERIFIER, THEN, bearer, methodArn=arn)
    for kept in fresh.values():
        for arn, policy in fresh.items():
            assert kept == policy
            assert allows(kept, arn)
            assert not allows(kept, arn.replace("/prod/", "/dev/"))


class TestDecisions:
    """The app behind the authorizer, against an API that reads the token itself."""

    @pytest.fixture
    def dispatch(self) -> Iterator[Dispatch]:
        """An API with nobody in it."""
        with Reflekt.open("memory://") as reflekt:
            verifier = TokenVerifier(secret=SECRET)
            yield Dispatch(reflekt, verifier, cursor_secret=CURSOR_SECRET, clock=lambda: NOW)

    @pytest.fixture
    def gateway(self, dispatch: Dispatch) -> Gateway:
        """The app, whose authorizer's answers are kept."""
        used = Service(lambda: dispatch, lambda: TokenVerifier(secret=SECRET), lambda: NOW)
        return Gateway(create_app(service=used), authorise=create_authorizer(used))

    @pytest.mark.parametrize("scope", [None, "entries:read", "admin:*", ""])
    @pytest.mark.parametrize("role", Role)
    def test_a_kept_decision_is_the_fresh_one(
        self, gateway: Gateway, dispatch: Dispatch, role: str, scope: str | None
    ) -> None:
        """Every operation is allowed or not as the token says, whichever route asked first."""
        issuer = TokenIssuer(secret=SECRET, ids=TimeOrderedIds())
        if scope == "":  # a token may grant nothing, but none is issued so
            bearer = claiming_nothing()
        else:
            bearer = issuer.issue("ada", role=role, scope=scope, now=NOW)
        kept, fresh = Client(gateway, bearer), Client(dispatch, bearer)
        for operation in (op for op in OPERATIONS if op.id != "account.delete"):
            method, path = operation.method, filled(operation)
            answers = [ask(method, path, body=b"{broken") for ask in (kept, fresh)]
            assert answers[0].status == answers[1].status, operation.id
            assert (answers[0].status == 403) is (
                operation.permission is not None
                and operation.permission not in granted(role, scope)
            )
        assert len(gateway.kept) == 1

    def test_a_kept_decision_ends_with_the_token(self) -> None:
        """API Gateway keeps an answer for longer than its token lives; the app does not heed it."""
        now = [NOW]
        with Reflekt.open("memory://") as reflekt:
            verifier = TokenVerifier(secret=SECRET)
            dispatch = Dispatch(
                reflekt, verifier, cursor_secret=CURSOR_SECRET, clock=lambda: now[0]
            )
            used = Service(lambda: dispatch, lambda: verifier, lambda: now[0])
            gateway = Gateway(create_app(service=used), authorise=create_authorizer(used))
            bearer = token()
            kept, fresh = Client(gateway, bearer), Client(dispatch, bearer)
            for seconds, status in ((0, 200), (3629.9, 200), (3630, 401), (3900, 401)):
                now[0] = NOW + timedelta(seconds=seconds)
                assert kept("GET", "/entries").status == status
                assert fresh("GET", "/entries").status == status
            assert len(gateway.kept) == 1

    def test_chalice_local_asks_the_same_authorizer(self, gateway: Gateway) -> None:
        """It is let in by the same policy, and kept out by one: an exception ends its connection."""
        registered = gateway.app.handler_map["authorizer"]
        arn = method_arn("GET", "/entries")
        asked = {"type": "TOKEN", "authorizationToken": f"Bearer {token()}", "methodArn": arn}
        assert registered(asked, None) == gateway.authorise(asked, None)
        denied = registered(asked | {"authorizationToken": "Bearer x"}, None)
        assert denied["policyDocument"]["Statement"][0]["Effect"] == "Deny"
        assert denied["context"] == {}

    @pytest.mark.parametrize("operation", OPERATIONS, ids=by_id)
    def test_public_operations_alone_have_no_authorizer(
        self, gateway: Gateway, operation: Any
    ) -> None:
        """What anybody may ask is asked without one; nothing else is."""
        routes = gateway.app.routes[gateway.resource(filled(operation))[0]]
        for method in {operation.method, "HEAD" if operation.method == "GET" else "OPTIONS"}:
            opened = operation.public or method == "OPTIONS"
            assert (routes[method].authorizer is None) is opened

    def test_only_the_authorizers_word_counts(self, gateway: Gateway) -> None:
        """What a client writes, wherever it can write, makes nobody of it."""
        context = {"user_id": "ada", "role": "admin", "scope": "entries:read"}
        context |= {"iat": "0", "exp": "9999999999"}
        event = gateway.event(Request("GET", "/entries", "user_id=ada&exp=9999999999"))
        event |= {"authorizer": context, "body": '{"authorizer": {"user_id": "ada"}}'}
        event["headers"] = {"authorizer": "ada", "x-amzn-authorizer": "ada", **context}
        event["stageVariables"] = {"authorizer": "ada"}
        event["isBase64Encoded"] = False
        answer = gateway.app(event, None)
        assert answer["statusCode"] == 401
        event["requestContext"]["authorizer"] = context
        # Now it is somebody, whose parameters are looked at.
        assert gateway.app(event, None)["statusCode"] == 400


def claiming_nothing() -> str:
    """Return a token with an empty scope."""
    claims = {"sub": "ada", "role": "admin", "scope": "", "iat": int(NOW.timestamp())}
    claims["exp"] = int(NOW.timestamp()) + 60
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256"}, claims)
    ]
    signature = hmac.digest(SECRET.encode(), b".".join(parts), "sha256")
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def granted(role: str, scope: str | None) -> set[str]:
    """Return what a role and a scope grant, worked out once more."""
    own = set(PERMISSIONS[Role(role)])
    if scope is None:
        return own
    return {p for p in own if p == scope or f"{p.partition(':')[0]}:*" == scope}


@given(
    user=st.text(min_size=1, max_size=40).filter(lambda t: t.isprintable() and t == t.strip()),
    role=st.sampled_from(list(Role)),
    iat=st.integers(EXP - 7200, EXP - 3600) | st.floats(EXP - 7200, EXP - 3600),
)
def test_the_app_learns_who_the_token_names(user: str, role: Role, iat: float) -> None:
    """Whatever the user id is made of, it arrives, and passes through a gateway as plain ASCII."""
    bearer = claiming(sub=user, role=role, iat=iat)
    context = authorise(VERIFIER, THEN, bearer)["context"]
    assert all(value.isascii() and value.isprintable() for value in context.values())
    identify = actor_in(behind(context))
    assert identify is not None
    assert identify(THEN) == VERIFIER.verify(bearer, THEN)


GOOD = {"user_id": "ada", "role": "user", "scope": "entries:read", "iat": "1", "exp": "4000000000"}


@pytest.mark.parametrize(
    "context", [None, {}, {"principalId": "ada", "integrationLatency": 7}, {"claims": {}}]
)
def test_without_its_words_the_authorizer_said_nothing(context: Any) -> None:
    """Then the token is read here."""
    assert actor_in(behind(context)) is None
    assert actor_in({"requestContext": {}}) is None


@pytest.mark.parametrize(
    "change",
    [
        *({name: None} for name in GOOD),
        *({name: "\ud800"} for name in GOOD),
        {"role": 7},
        {"user_id": ""},
        {"user_id": "%ff"},
        {"exp": "nan"},
        {"exp": "soon"},
        {"exp": "1"},
        {"iat": "1e999"},
        {"scope": "entries:everything"},
        {"scope": 7},
    ],
    ids=str,
)
def test_half_an_answer_names_nobody(change: dict[str, Any]) -> None:
    """What is not said in full is refused, and does not fall back on something else."""
    identify = actor_in(behind(GOOD | change))
    assert identify is not None
    with pytest.raises(Unauthenticated):
        identify(NOW)


@pytest.mark.parametrize("missing", sorted(GOOD))
def test_no_part_of_the_answer_may_lack(missing: str) -> None:
    """Least of all the end of the token."""
    identify = actor_in(behind({n: v for n, v in GOOD.items() if n != missing}))
    assert identify is not None
    with pytest.raises(Unauthenticated):
        identify(NOW)


def test_a_role_is_never_widened_by_its_scope() -> None:
    """What the role does not have, the scope does not give."""
    identify = actor_in(behind(GOOD | {"role": "reader", "scope": "entries:read entries:write"}))
    assert identify is not None
    assert identify(NOW) == Actor(
        "ada", frozenset({"entries:read"}), datetime.fromtimestamp(1, UTC)
    )


class Broken:
    """A verifier that cannot do its work."""

    role_claim = "role"

    def verify(self, bearer: str, now: datetime) -> Actor:
        """Fail, and tell too much."""
        raise RuntimeError(f"{CANARY} {bearer}")


def test_a_failure_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It is not taken for a refusal, and neither Lambda nor the log hears the token."""
    verifier: Any = Broken()
    with caplog.at_level(logging.DEBUG), pytest.raises(AuthorizerFailed) as caught:
        authorise(verifier, NOW, CANARY)
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None
    assert str(caught.value) != "Unauthorized"
    assert CANARY not in caplog.text
    (record,) = caplog.records
    assert CANARY not in str(vars(record))
    assert "builtins.RuntimeError" in str(vars(record))


def test_half_an_answer_is_told_as_any_other_refusal() -> None:
    """It is a 401 like others, even with a good token beside it."""
    with Reflekt.open("memory://") as reflekt:
        verifier = TokenVerifier(secret=SECRET)
        dispatch = Dispatch(reflekt, verifier, cursor_secret=CURSOR_SECRET, clock=lambda: NOW)
        app = create_app(service=Service(lambda: dispatch, lambda: verifier))
        gateway = Gateway(app)
        event = gateway.event(
            Request("GET", "/entries", "", {"Authorization": f"Bearer {token()}"})
        )
        event["requestContext"]["authorizer"] = {"user_id": "ada"}
        answer = app(event, None)
    assert answer["statusCode"] == 401
    assert answer["headers"]["WWW-Authenticate"].startswith("Bearer")
