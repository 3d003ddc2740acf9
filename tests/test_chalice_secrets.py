"""Secrets from the Parameter Store, and the service that the environment describes."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from reflekt_chalice import create_app, create_authorizer, service_from
from reflekt_chalice.secrets import SECRETS, Secret, Secrets, ssm_parameter
from reflekt_core import config
from reflekt_core.app import TimeOrderedIds, utc_now
from reflekt_core.errors import ConfigurationError, Unauthenticated, Unavailable
from reflekt_core.rest.messages import Request
from reflekt_core.security.tokens import TokenIssuer

from .amazon_server import answering, says
from .api_gateway import Gateway
from .http_contract import SECRET, assert_problem

OTHER = "another-0ne-made-up-for-these-tests-Kp8Y"


@pytest.fixture(autouse=True)
def _log() -> Iterator[None]:
    """Leave the log as it was: the service sets it up for its process."""
    log = logging.getLogger("reflekt")
    before = (log.handlers[:], log.level, log.propagate)
    yield
    log.handlers[:], log.level, log.propagate = before


class Parameters:
    """A Parameter Store and a clock."""

    def __init__(self, **values: str) -> None:
        self.values = values
        self.read: list[str] = []
        self.seconds = 1000.0
        self.away = False

    def __call__(self, parameter: str) -> str:
        """Return the value of a parameter."""
        self.read.append(parameter)
        if self.away:
            raise Unavailable("away")
        if parameter not in self.values:
            raise ConfigurationError("a secret cannot be read: ParameterNotFound")
        return self.values[parameter]

    def monotonic(self) -> float:
        """Return the seconds."""
        return self.seconds


def bearer(secret: str) -> str:
    """Return a good token."""
    return TokenIssuer(secret=secret, ids=TimeOrderedIds()).issue("ada", now=utc_now())


def test_a_secret_is_kept_for_five_minutes() -> None:
    """It is read at its first use, and again when the time is up."""
    store = Parameters(jwt=SECRET)
    secret = Secret("jwt", store, store.monotonic)
    assert store.read == []
    for at, value, reads in ((0, SECRET, 1), (299.9, SECRET, 1), (300, OTHER, 2), (599, OTHER, 2)):
        store.values["jwt"] = OTHER
        if at == 0:
            store.values["jwt"] = SECRET
        store.seconds = 1000 + at
        assert (secret(), len(store.read)) == (value, reads)


def test_an_old_secret_does_while_the_store_is_away() -> None:
    """Who was there before goes on; the store is not asked with every request."""
    store = Parameters(jwt=SECRET)
    secret = Secret("jwt", store, store.monotonic)
    secret()
    store.away, store.seconds = True, 2000
    assert [secret(), secret()] == [SECRET, SECRET]
    assert len(store.read) == 2
    store.away, store.seconds, store.values["jwt"] = False, 2010, OTHER
    assert secret() == OTHER


def test_what_never_was_read_cannot_be_kept() -> None:
    """Then there is no answer but to try again."""
    store = Parameters()
    store.away = True
    with pytest.raises(Unavailable):
        Secret("jwt", store, store.monotonic)()


def test_every_secret_of_the_configuration_may_be_a_parameter() -> None:
    """There is one list of them."""
    assert SECRETS == config._SECRETS


def test_parameters_stand_in_for_secrets() -> None:
    """What the configuration reads does not know where a secret came from."""
    store = Parameters(**{"/reflekt/jwt": SECRET})
    environ = {"JWT_SECRET_PARAMETER": " /reflekt/jwt ", "STAGE": "prod", "JWT_SECRET": ""}
    found = Secrets(environ, store, store.monotonic)()
    assert found == {"STAGE": "prod", "JWT_SECRET": SECRET}


def test_a_secret_is_not_given_twice() -> None:
    """Which of the two counts would be a guess."""
    store = Parameters()
    environ = {"JWT_SECRET_PARAMETER": "/reflekt/jwt", "JWT_SECRET": SECRET}
    with pytest.raises(ConfigurationError, match="JWT_SECRET or JWT_SECRET_PARAMETER, not both"):
        Secrets(environ, store, store.monotonic)


# Systems Manager


class Client:
    """A client of Systems Manager that fails as botocore's does."""

    def __init__(self, code: str | None = None) -> None:
        self.code = code
        self.asked: list[dict[str, Any]] = []

    def get_parameter(self, **asked: Any) -> dict[str, Any]:
        """Return a parameter."""
        self.asked.append(asked)
        if self.code is None:
            return {"Parameter": {"Value": SECRET}}
        error = RuntimeError(f"it quotes {SECRET}")
        error.response = {"Error": {"Code": self.code}}  # type: ignore[attr-defined]
        raise error


def test_a_parameter_is_decrypted() -> None:
    """A SecureString comes in clear."""
    client = Client()
    assert ssm_parameter(lambda: client)("/reflekt/jwt") == SECRET
    assert client.asked == [{"Name": "/reflekt/jwt", "WithDecryption": True}]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ParameterNotFound", ConfigurationError),
        ("AccessDeniedException", ConfigurationError),
        ("ThrottlingException", Unavailable),
        ("InternalServerError", Unavailable),
        ("", Unavailable),
    ],
)
def test_what_goes_wrong_is_told_without_the_secret(code: str, error: type[Exception]) -> None:
    """What cannot be mended by waiting is told apart from what can."""
    with pytest.raises(error) as caught:
        ssm_parameter(lambda: Client(code))("/reflekt/jwt")
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


def test_an_answer_that_breaks_off_is_no_refusal() -> None:
    """Errors of connections have a response in botocore, too: None."""
    exceptions = pytest.importorskip("botocore.exceptions")

    class Slow(Client):
        def get_parameter(self, **_: Any) -> dict[str, Any]:
            raise exceptions.ReadTimeoutError(endpoint_url="https://ssm")

    with pytest.raises(Unavailable):
        ssm_parameter(Slow)("/reflekt/jwt")


def test_systems_manager_is_asked_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore, where it is needed, knows the call by the environment alone, and logs no answer."""
    pytest.importorskip("botocore")
    for name, value in {
        "AWS_DEFAULTS_MODE": "standard",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_SSM": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    log = logging.getLogger("botocore")
    level = log.level
    try:
        log.setLevel(logging.DEBUG)
        with pytest.raises(Unavailable):
            ssm_parameter()("/reflekt/jwt")
        assert log.getEffectiveLevel() >= logging.WARNING
    finally:
        log.setLevel(level)


@pytest.mark.parametrize("refusals", [0, 1])
def test_a_function_asks_systems_manager_without_botocore(
    monkeypatch: pytest.MonkeyPatch, refusals: int
) -> None:
    """The environment of a function says all there is to know; what may pass is asked once more."""
    said = says(json.dumps({"Parameter": {"Value": SECRET}}).encode())
    with answering(*[says(b"{}", 500)] * refusals, said) as (server, _):
        environment(monkeypatch, f"http://127.0.0.1:{server.server_port}")
        assert ssm_parameter()("/reflekt/jwt") == SECRET
    headers, body = server.sent[-1]
    assert headers["x-amz-target"] == "AmazonSSM.GetParameter"
    assert "/ssm/aws4_request" in headers["authorization"]
    assert body == {"Name": "/reflekt/jwt", "WithDecryption": True}


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([says(b'{"__type": "ParameterNotFound"}', 400)], ConfigurationError),
        ([says(b'{"__type": "ThrottlingException"}', 400)] * 2, Unavailable),
        ([says(b"oops", 503)] * 2, Unavailable),
        ([says(b"{", length=9)] * 2, Unavailable),
    ],
    ids=["missing", "throttled", "away", "cut off"],
)
def test_what_systems_manager_says_decides(
    monkeypatch: pytest.MonkeyPatch, answers: list[Any], error: type[Exception]
) -> None:
    """What will not get better is asked once, anything else twice."""
    with answering(*answers) as (server, _):
        environment(monkeypatch, f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(error):
            ssm_parameter()("/reflekt/jwt")
    assert server.answers == []


def environment(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """Set what a function's environment says."""
    for name, value in {
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_ENDPOINT_URL_SSM": endpoint,
    }.items():
        monkeypatch.setenv(name, value)


# The service


@pytest.fixture
def store() -> Parameters:
    """What is kept for the service."""
    return Parameters(jwt=SECRET, cursors=OTHER)


def gateway(store: Parameters, **environ: str) -> Gateway:
    """Return the app that the environment describes."""
    environ = {"REFLEKT_STORE": "memory://", "LOG_LEVEL": "CRITICAL", **environ}
    service = service_from(environ, fetch=store, monotonic=store.monotonic)
    return Gateway(create_app(service=service), base="")


def listing(secret: str) -> Request:
    """Return a request that needs a token."""
    return Request("GET", "/entries", "", {"Authorization": f"Bearer {bearer(secret)}"})


def test_nothing_is_read_before_the_first_request(store: Parameters) -> None:
    """An app can be packaged where no secret is at hand."""
    send = gateway(store, JWT_SECRET_PARAMETER="jwt")
    assert store.read == []
    assert send(listing(SECRET)).status == 200
    assert send(listing(SECRET)).status == 200
    assert store.read == ["jwt"]


def test_a_new_secret_takes_over(store: Parameters) -> None:
    """Five minutes later at most; and the journal stays."""
    send = gateway(store, JWT_SECRET_PARAMETER="jwt")
    headers = {**listing(SECRET).headers, "Content-Type": "application/json"}
    assert send(Request("POST", "/entries", "", headers, b'{"content": "We swam."}')).status == 201
    store.values["jwt"] = OTHER
    assert send(listing(SECRET)).status == 200
    store.seconds += 300
    assert send(listing(SECRET)).status == 401
    answer = send(listing(OTHER))
    assert len(json.loads(answer.body)["items"]) == 1


def test_behind_the_authorizer_no_token_secret_is_needed(store: Parameters) -> None:
    """A function that signs cursors alone knows no more than that."""
    send = gateway(store, REFLEKT_CURSOR_SECRET_PARAMETER="cursors")
    assert_problem(send(listing(SECRET)), 503, "configuration_error")
    context = {"user_id": "ada", "role": "user", "scope": "entries:read", "iat": "1", "exp": "4e9"}
    event = send.event(Request("GET", "/entries"))
    event["requestContext"]["authorizer"] = context
    assert send.app(event, None)["statusCode"] == 200
    assert store.read == ["cursors"]


def test_a_secret_that_cannot_be_had_is_told_as_a_problem(store: Parameters) -> None:
    """The client is told when to try again, and the next request does."""
    send = gateway(store, JWT_SECRET_PARAMETER="jwt")
    store.away = True
    answer = send(listing(SECRET))
    assert_problem(answer, 503, "unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    store.away = False
    assert send(listing(SECRET)).status == 200


@pytest.mark.parametrize(
    "environ",
    [
        {"REFLEKT_STORE": "nowhere://"},
        {"STAGE": "a b"},
        {"JWT_SECRET": SECRET, "JWT_SECRET_PARAMETER": "jwt"},
    ],
)
def test_a_wrong_environment_is_told_as_a_problem(
    store: Parameters, environ: dict[str, str]
) -> None:
    """No import fails because of it: the first answer names the variable."""
    send = gateway(store, **environ)
    assert_problem(send(listing(SECRET)), 503, "configuration_error")


def test_the_authorizer_reads_the_same_environment(store: Parameters) -> None:
    """It needs the token secret, and opens no store."""
    environ = {
        "JWT_SECRET_PARAMETER": "jwt",
        "REFLEKT_STORE": "nowhere://",
        "LOG_LEVEL": "CRITICAL",
    }
    service = service_from(environ, ("authorizer",), fetch=store, monotonic=store.monotonic)
    arn = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/prod/GET/entries"
    asked = {"type": "TOKEN", "authorizationToken": f"Bearer {bearer(SECRET)}", "methodArn": arn}
    assert create_authorizer(service)(asked)["principalId"] == "ada"
    with pytest.raises(Unauthenticated):
        service.verifier().verify(bearer(OTHER), utc_now())


def test_the_log_goes_to_stdout_as_json_once(
    store: Parameters, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for each request, from where Lambda takes it, and without text."""
    for _ in range(2):
        send = gateway(store, JWT_SECRET_PARAMETER="jwt", LOG_LEVEL="INFO")
        send(Request("GET", "/entries/search", "q=canary", listing(SECRET).headers))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["operation"] for line in lines] == ["entries.search"] * 2
    assert lines[0]["request_id"] != ""
    assert "canary" not in str(lines)
    # Lambda gives the root a handler that would write each line again.
    assert not logging.getLogger("reflekt").propagate


@pytest.mark.parametrize(
    ("url", "settles"), [("memory://", True), ("dynamodb://reflekt?region=eu-west-1", False)]
)
def test_on_dynamodb_others_do_what_follows_from_writes(
    store: Parameters,
    url: str,
    settles: bool,  # noqa: FBT001 - an example
) -> None:
    """The tables' streams tell them; nothing is drained or purged beside a request."""
    environ = {"REFLEKT_STORE": url, "JWT_SECRET": SECRET, "LOG_LEVEL": "CRITICAL"}
    dispatch = service_from(environ, fetch=store, monotonic=store.monotonic).dispatch()
    answering = getattr(dispatch, "answering", dispatch)
    assert answering._reflekt._parts.settles() is settles
