"""Which keys of an identity provider are used, and what happens while it changes or is away."""

import json
import logging
import math
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from reflekt_core.errors import ConfigurationError, Unauthenticated, Unavailable
from reflekt_core.security.fetching import fetch
from reflekt_core.security.keys import KeySet, read_keys
from reflekt_core.security.tokens import TokenVerifier

NOW = datetime(2026, 11, 22, 18, 40, tzinfo=UTC)
SECOND = timedelta(seconds=1)
URL = "https://id.example.org/jwks"
PARTIES = {"iss": "https://id.example.org/", "aud": "reflekt"}

Jwk = dict[str, Any]


@cache
def pair(name: str) -> ec.EllipticCurvePrivateKey:
    """Return the key pair of that name."""
    return ec.generate_private_key(ec.SECP256R1())


def public(jwk: Jwk, **more: Any) -> Jwk:
    """Return the members that make a key, and *more*."""
    return {name: value for name, value in jwk.items() if name != "key_ops"} | more


def es256(name: str, **more: Any) -> Jwk:
    """Return the public key of that name as the provider publishes it."""
    return public(ECAlgorithm.to_jwk(pair(name).public_key(), as_dict=True), kid=name) | more


@cache
def _rsa(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def rs256(bits: int = 2048, **more: Any) -> Jwk:
    """Return a public RSA key."""
    return public(RSAAlgorithm.to_jwk(_rsa(bits).public_key(), as_dict=True), kid="r") | more


@cache
def _ed() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def eddsa(**more: Any) -> Jwk:
    """Return a public Ed25519 key."""
    return public(OKPAlgorithm.to_jwk(_ed().public_key(), as_dict=True), kid="e") | more


def document(*keys: Any) -> bytes:
    """Return a JWKS document."""
    return json.dumps({"keys": keys}).encode()


def token(name: str, *, kid: str | None = None) -> str:
    """Return a token that the provider signed with the key of that name."""
    iat = int(NOW.timestamp())
    claims = {"sub": "mira", "role": "user", "iat": iat, "exp": iat + 86400 * 7} | PARTIES
    headers = {"kid": kid or name} if kid != "" else {}
    return jwt.encode(claims, pair(name), algorithm="ES256", headers=headers)


class Provider:
    """An identity provider that can change its keys, go away, and counts its visitors."""

    def __init__(self, *names: str) -> None:
        """Begin with the keys of these names."""
        self.keys = [es256(name) for name in names]
        self.away = False
        self.visits = 0

    def __call__(self, url: str, *, timeout_seconds: float) -> bytes:
        """Answer as `Fetch` does."""
        self.visits += 1
        if self.away:
            raise TimeoutError("nobody there")
        return document(*self.keys)


def trusting(keys: KeySet) -> TokenVerifier:
    """Return a verifier that has these keys."""
    return TokenVerifier(keys=keys, issuer=PARTIES["iss"], audience=PARTIES["aud"])


def accepted(verifier: TokenVerifier, token: str, now: datetime = NOW) -> bool:
    """Tell whether the token is accepted."""
    try:
        return verifier.verify(token, now).user_id == "mira"
    except Unauthenticated:
        return False


# Which keys are used


def kids(*keys: Any) -> list[str | None]:
    """Return the ids of the keys that are used."""
    return [key.kid for key in read_keys(document(*keys))]


def test_each_kind_of_key_has_one_algorithm() -> None:
    """RSA is for RS256, P-256 for ES256, Ed25519 for EdDSA."""
    found = read_keys(document(rs256(), es256("a"), eddsa()))
    assert [(key.kid, key.algorithm) for key in found] == [
        ("r", "RS256"),
        ("a", "ES256"),
        ("e", "EdDSA"),
    ]


@pytest.mark.parametrize(
    "extra",
    [
        {"use": "sig"},
        {"key_ops": ["verify"]},
        {"alg": "ES256"},
        {"use": "sig", "alg": "ES256", "key_ops": ["verify"], "x5t": "unused", "x5c": ["unused"]},
    ],
)
def test_keys_for_verifying_are_used(extra: Jwk) -> None:
    """What a provider says of a key may be what we do with it."""
    assert kids(es256("a", **extra)) == ["a"]


def roca() -> Jwk:
    """Return a key like those of the broken generator."""
    primes = [p for p in range(3, 168) if all(p % d for d in range(2, p))]
    product = math.prod(primes)
    modulus = pow(65537, 12345, product) + product * ((1 << 2047) // product + 1)
    modulus += product * (modulus % 2 == 0)
    numbers = rsa.RSAPublicNumbers(65537, modulus).public_key()
    return public(RSAAlgorithm.to_jwk(numbers, as_dict=True), kid="roca")


def p384() -> Jwk:
    """Return a key on another curve."""
    key = ec.generate_private_key(ec.SECP384R1())
    return public(ECAlgorithm.to_jwk(key.public_key(), as_dict=True), kid="p384")


UNFIT: dict[str, Callable[[], Any]] = {
    "for encryption": lambda: es256("b", use="enc"),
    "for signing": lambda: es256("b", key_ops=["sign"]),
    "for signing and verifying": lambda: es256("b", key_ops=["sign", "verify"]),
    "key_ops a text": lambda: es256("b", key_ops="verify"),
    "for another algorithm": lambda: rs256(alg="PS256"),
    "for a longer hash": lambda: rs256(alg="RS512"),
    "for HMAC": lambda: rs256(alg="HS256"),
    "for none": lambda: es256("b", alg="none"),
    "use null": lambda: es256("b", use=None),
    "private EC": lambda: public(ECAlgorithm.to_jwk(pair("b"), as_dict=True), kid="b"),
    "private RSA": lambda: public(RSAAlgorithm.to_jwk(_rsa(2048), as_dict=True), kid="b"),
    "private OKP": lambda: public(OKPAlgorithm.to_jwk(_ed(), as_dict=True), kid="b"),
    "half private RSA": lambda: rs256(d="AQAB"),
    "symmetric": lambda: {"kty": "oct", "kid": "b", "k": "a" * 43},
    "symmetric in disguise": lambda: es256("b", k="a" * 43),
    "short RSA": lambda: rs256(1024),
    "enormous RSA": lambda: rs256(n="_" * 2000),
    "even RSA": lambda: rs256(n="_" * 341 + "A"),
    "ROCA": roca,
    "another curve": p384,
    "curve missing": lambda: {k: v for k, v in es256("b").items() if k != "crv"},
    "curve list": lambda: es256("b", crv=["P-256"]),
    "curve on RSA": lambda: rs256(crv="P-256"),
    "Ed25519 as EC": lambda: eddsa(kty="EC"),
    "not on the curve": lambda: es256("b", x="A" * 43),
    "coordinate missing": lambda: {k: v for k, v in es256("b").items() if k != "y"},
    "coordinate null": lambda: es256("b", y=None),
    "coordinate padded": lambda: es256("b", y=es256("b")["y"] + "="),
    "coordinate not ASCII": lambda: es256("b", y="é" * 43),
    "short OKP": lambda: eddsa(x="AAAA"),
    "modulus a number": lambda: rs256(n=1),
    "kid a number": lambda: es256("b", kid=1),
    "kind unknown": lambda: {"kty": "AKP", "kid": "b", "alg": "ML-DSA-44", "pub": "AAAA"},
    "empty": dict,
}


@pytest.mark.parametrize("unfit", UNFIT)
def test_an_unfit_key_is_left_out(unfit: str) -> None:
    """It takes no other key with it."""
    assert kids(UNFIT[unfit](), es256("a")) == ["a"]


def test_an_id_that_stands_twice_is_nobodys() -> None:
    """Which of the keys was meant cannot be known, whatever they are for."""
    assert kids(es256("a"), es256("b", kid="a"), es256("c")) == ["c"]
    assert kids(es256("a"), es256("b", kid="a", use="enc"), es256("c")) == ["c"]
    assert kids(es256("a", kid=None), es256("b", kid=None)) == []


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"{}",
        b"[]",
        b"<html>",
        b'{"keys":{}}',
        b'{"keys":[1]}',
        b'{"keys":[],"keys":[]}',
        b"\xff\xfe",
        b'{"keys":' + b"[" * 100_000 + b"}",
        document(es256("a")).decode().encode("utf-16"),
    ],
)
def test_garbage_is_no_key_set(garbage: bytes) -> None:
    """A document that is none is told from one without keys."""
    with pytest.raises(ValueError):  # noqa: PT011 - the messages are the JSON parser's
        read_keys(garbage)
    assert read_keys(b'{"keys":[]}') == ()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)
members = st.sampled_from(["kty", "crv", "kid", "alg", "use", "key_ops", "x", "y", "n", "e", "d"])


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["E", "R", "O"]), st.dictionaries(members, json_values, max_size=3))
def test_nonsense_in_a_key_never_breaks_the_set(kind: str, members: Jwk) -> None:
    """The sound key beside it is used in any case, unless its id stands twice."""
    key = {"E": es256("b"), "R": rs256(), "O": eddsa()}[kind]
    if str((key | members).get("kid")) != "a":
        assert "a" in kids(key | members, es256("a"))


def test_a_token_may_leave_out_the_id_of_an_only_key() -> None:
    """Among several keys nobody guesses."""
    provider = Provider("a")
    verifier = trusting(KeySet(URL, fetch=provider))
    assert accepted(verifier, token("a", kid=""))
    provider.keys.append(es256("b"))
    assert not accepted(verifier, token("a", kid=""), NOW + timedelta(hours=1))
    assert accepted(verifier, token("a"), NOW + timedelta(hours=1))


def test_an_only_key_may_have_no_id() -> None:
    """It then serves tokens that name none."""
    provider = Provider()
    provider.keys = [es256("a", kid=None)]
    verifier = trusting(KeySet(URL, fetch=provider))
    assert accepted(verifier, token("a", kid=""))
    assert not accepted(verifier, token("a", kid="a"))


# When they are fetched


def test_keys_are_fetched_once_and_kept() -> None:
    """Not before the first token, and not again for ten minutes."""
    provider = Provider("a", "b")
    verifier = trusting(KeySet(URL, fetch=provider))
    assert provider.visits == 0
    for seconds in (0, 1, 300, 599):
        assert accepted(verifier, token("a"), NOW + seconds * SECOND)
        assert accepted(verifier, token("b"), NOW + seconds * SECOND)
    assert provider.visits == 1
    assert accepted(verifier, token("a"), NOW + 601 * SECOND)
    assert provider.visits == 2


def test_a_new_key_is_found_at_once() -> None:
    """A token with an unknown key asks the provider, which may have changed it."""
    provider = Provider("a")
    verifier = trusting(KeySet(URL, fetch=provider))
    assert accepted(verifier, token("a"))
    provider.keys = [es256("b")]
    assert accepted(verifier, token("b"), NOW + 11 * SECOND)
    assert not accepted(verifier, token("a"), NOW + 12 * SECOND)


def test_a_key_taken_back_is_good_until_the_next_fetch() -> None:
    """And not longer than ten minutes."""
    provider = Provider("a")
    verifier = trusting(KeySet(URL, fetch=provider))
    assert accepted(verifier, token("a"))
    provider.keys = []
    assert accepted(verifier, token("a"), NOW + 599 * SECOND)
    assert not accepted(verifier, token("a"), NOW + 601 * SECOND)


def test_made_up_keys_cost_one_fetch_per_cooldown() -> None:
    """A flood of tokens with unknown keys does not become a flood on the provider."""
    provider = Provider("a")
    verifier = trusting(KeySet(URL, fetch=provider))
    for tenths in range(200):
        forged = token("b", kid=f"made-up-{tenths}")
        assert not accepted(verifier, forged, NOW + tenths * SECOND / 10)
    assert provider.visits == 2


def test_the_last_keys_serve_while_the_provider_is_away() -> None:
    """For a day; then nobody is let in, and nobody is told that the token is wrong."""
    provider = Provider("a")
    verifier = trusting(KeySet(URL, fetch=provider))
    assert accepted(verifier, token("a"))
    provider.away = True
    for hours in (1, 12, 23):
        assert accepted(verifier, token("a"), NOW + timedelta(hours=hours))
    assert provider.visits == 4
    with pytest.raises(Unavailable):
        verifier.verify(token("a"), NOW + timedelta(hours=25))
    provider.away = False
    assert accepted(verifier, token("a"), NOW + timedelta(hours=26))


def test_an_unknown_key_is_refused_while_the_provider_is_away() -> None:
    """There are keys to compare with, and it is none of them."""
    provider = Provider("a")
    verifier = trusting(KeySet(URL, fetch=provider))
    assert accepted(verifier, token("a"))
    provider.away = True
    assert not accepted(verifier, token("b"), NOW + timedelta(hours=1))


def test_without_any_key_the_answer_is_later() -> None:
    """A provider that was never reached says nothing about a token; it is asked once in a while."""
    provider = Provider("a")
    provider.away = True
    verifier = trusting(KeySet(URL, fetch=provider))
    for seconds in range(10):
        with pytest.raises(Unavailable) as caught:
            verifier.verify(token("a"), NOW + seconds * SECOND)
        assert caught.value.retry_after_seconds == 10
    assert provider.visits == 1
    provider.away = False
    assert accepted(verifier, token("a"), NOW + 10 * SECOND)


def test_a_clock_set_back_keeps_no_key_for_ever() -> None:
    """Keys from the future are as old as keys from the past."""
    provider = Provider("a")
    verifier = trusting(KeySet(URL, fetch=provider))
    assert accepted(verifier, token("a"), NOW + timedelta(days=3))
    assert accepted(verifier, token("a"), NOW)
    assert provider.visits == 2


def test_one_thread_fetches_and_the_others_wait() -> None:
    """However many first requests come at once, the provider sees one."""
    provider = Provider("a")
    begun, go_on = threading.Event(), threading.Event()

    def slow(url: str, *, timeout_seconds: float) -> bytes:
        begun.set()
        assert go_on.wait(10)
        return provider(url, timeout_seconds=timeout_seconds)

    verifier = trusting(KeySet(URL, fetch=slow))
    results: list[bool] = []
    threads = [
        threading.Thread(target=lambda: results.append(accepted(verifier, token("a"))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert results == [True] * 8
    assert provider.visits == 1


def test_nobody_waits_for_keys_that_are_at_hand() -> None:
    """While one thread renews the keys, the others go on with what there is."""
    provider = Provider("a")
    begun, go_on = threading.Event(), threading.Event()

    def slow_later(url: str, *, timeout_seconds: float) -> bytes:
        if provider.visits:
            begun.set()
            assert go_on.wait(10)
        return provider(url, timeout_seconds=timeout_seconds)

    verifier = trusting(KeySet(URL, fetch=slow_later))
    assert accepted(verifier, token("a"))
    later = NOW + timedelta(minutes=11)
    renewing = threading.Thread(target=accepted, args=(verifier, token("a"), later))
    renewing.start()
    assert begun.wait(10)
    assert accepted(verifier, token("a"), later)
    go_on.set()
    renewing.join(10)
    assert provider.visits == 2


def test_a_failure_is_logged_without_details(caplog: pytest.LogCaptureFixture) -> None:
    """Somebody should look after it; what was asked for is nobody's business."""
    provider = Provider("a")
    provider.away = True
    verifier = trusting(KeySet(URL, fetch=provider))
    with caplog.at_level(logging.DEBUG), pytest.raises(Unavailable):
        verifier.verify(token("a"), NOW)
    assert [record.getMessage() for record in caplog.records] == [
        "the key set could not be fetched: TimeoutError"
    ]
    assert caplog.records[0].exc_info is None
    assert caplog.records[0].name.startswith("reflekt.")  # where the service's log listens


# Over HTTP


@pytest.mark.parametrize(
    "url",
    [
        "",
        "id.example.org/jwks",
        "http://id.example.org/jwks",
        "http://localhost.example.org/jwks",
        "http://localhost@example.org/jwks",
        "https://user:password@id.example.org/jwks",
        "https://",
        "https:///jwks",
        "https://id.example.org/jwks#keys",
        "https://id.example.org/a b",
        "https://id.example.org/jwks\n",
        "https://id.example.org:port/jwks",
        "https://id.example.org:99999/jwks",
        "https://[::1/jwks",
        "https://idé.example.org/jwks",
        "file:///etc/passwd",
        "ftp://id.example.org/jwks",
        "data:application/json,{}",
    ],
)
def test_other_addresses_stop_the_start(url: str) -> None:
    """Keys come over https, or from this machine."""
    with pytest.raises(ConfigurationError, match="JWT_JWKS_URL") as caught:
        KeySet(url)
    assert not url or url not in caught.value.message


@pytest.mark.parametrize("url", [URL, "http://localhost:1/jwks", "http://[::1]:1/jwks"])
def test_https_and_this_machine_are_fine(url: str) -> None:
    """A provider for development may run without a certificate."""
    assert isinstance(KeySet(url), KeySet)


class Server(ThreadingHTTPServer):
    """A provider's web server, whose answers a test sets."""

    daemon_threads = True
    status = 200
    body = b""
    headers: tuple[tuple[str, str], ...] = ()
    visits = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}/jwks"


class Handler(BaseHTTPRequestHandler):
    """Answers as the server is told to."""

    server: Server

    def do_GET(self) -> None:
        """Send what the test set."""
        self.server.visits += 1
        self.send_response(self.server.status)
        for name, value in self.server.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    """Run a provider on this machine."""
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_real_provider_is_asked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys, their change, and an outage, over HTTP and past any proxy."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server.body = document(es256("a"))
    verifier = trusting(KeySet(server.url))
    assert accepted(verifier, token("a"))
    server.body = document(es256("b"))
    assert accepted(verifier, token("b"), NOW + timedelta(minutes=1))
    server.status = 500
    assert accepted(verifier, token("b"), NOW + timedelta(minutes=30))
    assert server.visits == 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(server: Server, status: int) -> None:
    """Only the configured address is trusted, even if it points back to itself."""
    server.status, server.headers = status, (("Location", server.url + "/elsewhere"),)
    with pytest.raises(OSError, match=f"status {status}"):
        fetch(server.url, timeout_seconds=2)
    assert server.visits == 1


@pytest.mark.parametrize("status", [204, 400, 401, 404, 429, 500, 503])
def test_an_error_of_the_provider_is_an_outage(server: Server, status: int) -> None:
    """Without keys from before there is no answer about a token yet."""
    server.status = status
    with pytest.raises(Unavailable):
        trusting(KeySet(server.url)).verify(token("a"), NOW)


def test_an_answer_too_large_is_cut_off(server: Server) -> None:
    """At 256 KiB, whatever it holds."""
    server.body = b" " * (256 * 1024 - 100) + document()
    assert read_keys(fetch(server.url, timeout_seconds=2)) == ()
    server.body = b" " * (256 * 1024) + document()
    with pytest.raises(OSError, match="too large"):
        fetch(server.url, timeout_seconds=2)


def test_an_answer_cut_short_is_an_outage(server: Server) -> None:
    """Half a document is not taken for a whole one."""
    server.body = document(es256("a"))[:-1]
    with pytest.raises(Unavailable):
        trusting(KeySet(server.url)).verify(token("a"), NOW)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Listen on this machine, without answering."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def url_of(listener: socket.socket) -> str:
    """Return its address."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}/jwks"


def test_a_silent_provider_is_not_waited_for(listener: socket.socket) -> None:
    """The time limit ends the wait."""
    keys = KeySet(url_of(listener), timeout_seconds=0.05)
    with pytest.raises(Unavailable):
        trusting(keys).verify(token("a"), NOW)


def test_a_dripping_provider_is_not_waited_for(listener: socket.socket) -> None:
    """The limit holds for the body as a whole, not for each of its bytes."""
    stop = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while not stop.wait(0.01):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    thread = threading.Thread(target=drip)
    thread.start()
    with pytest.raises(TimeoutError, match="too slow"):
        fetch(url_of(listener), timeout_seconds=0.2)
    stop.set()
    thread.join()


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 two hundred\r\n\r\n"])
def test_what_is_no_http_is_an_outage(listener: socket.socket, answer: bytes) -> None:
    """Something else on that port is not the provider."""

    def greet() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(answer)

    thread = threading.Thread(target=greet)
    thread.start()
    with pytest.raises(Unavailable):
        trusting(KeySet(url_of(listener))).verify(token("a"), NOW)
    thread.join()


def test_nobody_there_is_an_outage() -> None:
    """A refused connection is reported at once."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = url_of(gone)
    with pytest.raises(Unavailable):
        trusting(KeySet(url)).verify(token("a"), NOW)
