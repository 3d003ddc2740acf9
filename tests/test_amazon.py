"""Requests to Amazon's services that are signed here."""

import gc
import hashlib
import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit
from zlib import crc32

import pytest
from botocore.auth import SigV4Auth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]
from botocore.session import Session  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from reflekt_core import amazon
from reflekt_core.amazon import Access, JSONService, Unanswered, access_from
from reflekt_core.errors import ConfigurationError

from .amazon_server import ENVIRON, Handler, Server, answering, drops, says, service

NOBODY = {"aws_access_key_id": "nobody", "aws_secret_access_key": "nothing"}
KEYS = st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), min_size=1)
ROOTS = {  # of public keys, from https://www.amazontrust.com/repository/
    "fbe3018031f9586bcbf41727e417b7d1c45c2f47f93be372a17b96b50757d5a2",
    "7f4296fc5b6a4e3b35d3c369623e364ab1af381d8fa7121533c9d6c633ea2461",
    "36abc32656acfc645c61b71613c4bf21c787f5cabbee48348d58597803d7abc9",
    "f7ecded5c66047d28ed6466b543c40e0743abe81d109254dcf845d4c2c7853c5",
    "2b071c59a0a0ae76b0eadb2bad23bad4580b69c3601b630c2eaf0613afa83f92",
}


@given(
    secret=KEYS,
    token=st.none() | KEYS,
    body=st.binary(),
    at=st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1)),  # noqa: DTZ001 - put into UTC below
    endpoint=st.sampled_from([None, "http://127.0.0.1:8000", "https://example.org/path"]),
)
def test_a_signature_is_the_one_that_botocore_makes(
    secret: str, token: str | None, body: bytes, at: datetime, endpoint: str | None
) -> None:
    """For any secret, token, body, time and place."""
    access = Access("eu-west-1", "AKIDEXAMPLE", secret, token, endpoint)
    signing = JSONService("dynamodb", "DynamoDB_20120810", "1.0", access)
    headers = signing._signed("GetItem", body, at.replace(tzinfo=UTC))
    theirs = SigV4Auth(Credentials("AKIDEXAMPLE", secret, token), "dynamodb", "eu-west-1")
    url = endpoint or "https://dynamodb.eu-west-1.amazonaws.com"
    sent = {name: headers[name] for name in headers if name.startswith(("content", "x-amz"))}
    request = AWSRequest("POST", url, data=body, headers=sent)
    request.context["timestamp"] = headers["x-amz-date"]
    wanted = theirs.signature(
        theirs.string_to_sign(request, theirs.canonical_request(request)), request
    )
    assert headers["authorization"].rpartition("=")[2] == wanted


@pytest.mark.parametrize(
    ("region", "address"),
    [
        ("eu-west-1", "dynamodb.eu-west-1.amazonaws.com"),
        ("cn-north-1", "dynamodb.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_an_address_is_that_of_the_region(region: str, address: str) -> None:
    """China has an ending of its own."""
    headers = JSONService("dynamodb", "D", "1.0", Access(region, "a", "b"))._signed(
        "GetItem", b"", datetime.now(UTC)
    )
    assert headers["host"] == address


# What the environment says


def test_the_environment_of_a_function_is_enough() -> None:
    """Region, credentials, and the token that comes with them."""
    found = access_from(
        ENVIRON | {"AWS_SESSION_TOKEN": "t", "AWS_DEFAULT_REGION": "us-east-1"}, "x"
    )
    assert found == Access("eu-west-1", "AKIDEXAMPLE", "a-secret-that-is-none", "t")
    assert "a-secret-that-is-none" not in repr(found)
    assert "'t'" not in repr(found)


def test_what_is_said_explicitly_wins() -> None:
    """The URL of a store over the environment, and a service's endpoint over that of all."""
    environ = ENVIRON | {"AWS_ENDPOINT_URL": "http://all", "AWS_ENDPOINT_URL_SSM": "http://ssm"}
    places = {
        name: access_from(environ, name, region="us-east-1", endpoint=endpoint)
        for name, endpoint in (("ssm", None), ("dynamodb", None), ("events", "http://mine"))
    }
    assert {name: found and found.endpoint for name, found in places.items()} == {
        "ssm": "http://ssm",
        "dynamodb": "http://all",
        "events": "http://mine",
    }
    assert {found and found.region for found in places.values()} == {"us-east-1"}


@pytest.mark.parametrize("name", sorted(ENVIRON))
def test_without_region_or_credentials_botocore_is_asked(name: str) -> None:
    """It looks in files, and asks the machine."""
    assert access_from({k: v for k, v in ENVIRON.items() if k != name}, "dynamodb") is None


@pytest.mark.parametrize("name", amazon._MORE)
def test_what_only_botocore_heeds_is_left_to_it(name: str) -> None:
    """Proxies, FIPS endpoints and the like are not passed over in silence."""
    assert access_from(ENVIRON | {name: "1"}, "dynamodb") is None


def test_a_region_is_no_host() -> None:
    """What is no name of a region never becomes part of an address."""
    assert access_from(ENVIRON, "dynamodb", region="eu.example.org/") is None


@pytest.mark.parametrize(
    ("region", "is_known"),
    [
        *(("eu-west-1", True), ("us-gov-west-1", True), ("cn-northwest-1", True)),
        *(("eusc-de-east-1", False), ("us-iso-east-1", False), ("eu-isoe-west-1", False)),
    ],
)
def test_where_addresses_end_differently_botocore_is_asked(region: str, *, is_known: bool) -> None:
    """It knows how, as in the European Sovereign Cloud; an emulator's address is said anyway."""
    found = access_from(ENVIRON, "dynamodb", region=region)
    assert bool(found) is is_known
    botocore = Session().create_client("dynamodb", region, **NOBODY)
    address = urlsplit(botocore.meta.endpoint_url).netloc
    if found:
        signing = JSONService("dynamodb", "D", "1.0", found)
        assert signing._signed("GetItem", b"", datetime.now(UTC))["host"] == address
    assert access_from(ENVIRON, "dynamodb", region=region, endpoint="http://127.0.0.1:8000")


# On the wire


def test_bytes_pass_as_base64_and_come_back() -> None:
    """Also one level down, where an item may have an attribute called B."""
    item = {"k": {"B": b"\x00\xff"}, "B": {"S": "a text"}}
    sent = {"k": {"B": "AP8="}, "B": {"S": "a text"}}
    with answering(says(json.dumps({"Item": sent}).encode())) as (server, asking):
        answer = asking.call("PutItem", {"Item": item})
    assert (answer.ok, answer.body) == (True, {"Item": item})
    ((headers, body),) = server.sent
    assert body == {"Item": sent}
    assert headers["x-amz-target"] == "DynamoDB_20120810.PutItem"
    assert headers["content-type"] == "application/x-amz-json-1.0"


def test_a_refusal_is_an_answer() -> None:
    """With its name; a page of some proxy's has none."""
    refusal = {"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "no"}
    with answering(says(json.dumps(refusal).encode(), 400), says(b"<html>", 502)) as (_, asking):
        first, second = asking.call("GetItem", {}), asking.call("GetItem", {})
    assert (first.ok, first.status, first.code) == (False, 400, "ThrottlingException")
    assert (second.ok, second.status, second.code) == (False, 502, "")


@pytest.mark.parametrize(
    "answer",
    [
        says(b'{"a', length=10),
        says(b'{"a": 1}', checksum=7),
        says(b"no json"),
        lambda handler: handler.connection.close(),
    ],
    ids=["cut off", "other bytes", "no object", "nothing"],
)
def test_an_answer_that_is_not_whole_is_none(answer: Callable[[Handler], None]) -> None:
    """And the next request takes another connection."""
    body = b'{"a": 1}'
    with answering(answer, says(body, checksum=crc32(body))) as (server, asking):
        with pytest.raises(Unanswered) as caught:
            asking.call("GetItem", {"secret": "text"})
        assert (str(caught.value), caught.value.__cause__) == ("", None)
        assert asking.call("GetItem", {}).body == {"a": 1}
    assert len(server.connections) == 2


def test_an_answer_is_awaited_for_so_long_and_no_longer() -> None:
    """Then it is not known what became of the request."""
    with answering(lambda _: None) as (_, asking):
        asking._connect_seconds, asking._read_seconds = 5, 0.05
        began = time.monotonic()
        with pytest.raises(Unanswered):
            asking.call("GetItem", {})
        assert time.monotonic() - began < 2


def test_nobody_listens() -> None:
    """That is no answer, either."""
    with pytest.raises(Unanswered):
        service("http://127.0.0.1:9", connect_seconds=0.5).call("GetItem", {})


def test_a_connection_is_kept_while_both_sides_want_it() -> None:
    """What the other side ended, with or without a word, is not used again."""
    answers = [says(b"{}"), says(b"{}", close=True), drops, says(b"{}")]
    with answering(*answers) as (server, asking):
        seen = []
        for _ in answers:
            assert asking.call("GetItem", {}).ok
            seen.append(len(server.connections))
            if len(seen) == 3:
                (kept,) = asking._idle
                kept.sock.settimeout(5)
                kept.sock.recv(1, 2)  # MSG_PEEK: until the end has arrived
    assert seen == [1, 1, 2, 3]


def test_connections_that_went_dead_are_not_tried_one_by_one() -> None:
    """A function that slept for minutes may find them all so: it waits once, not for each."""
    with answering(lambda _: None, says(b"{}")) as (server, asking):
        asking._read_seconds = 0.05
        asking._idle += (kept := [asking._new() for _ in range(3)])
        asking._read_seconds = 5
        with pytest.raises(Unanswered):
            asking.call("GetItem", {})
        assert [one.sock for one in kept] == [None] * 3
        assert asking.call("GetItem", {}).ok
    assert len(server.connections) == 2


def test_connections_end_with_who_asks() -> None:
    """Also where nobody remembers to close."""
    with answering(says(b"{}")) as (_, asking):
        other = JSONService("dynamodb", "D", "1.0", asking._access)
        assert other.call("GetItem", {}).ok
        (kept,) = other._idle
        del other
        gc.collect()
        assert kept.sock is None


def test_only_bytes_are_encoded() -> None:
    """Anything else that JSON does not know is a mistake of ours."""
    with pytest.raises(TypeError, match="a set is no part of a request"):
        service("http://127.0.0.1:9").call("GetItem", {"a": {1}})


# Who is trusted


@pytest.mark.filterwarnings("ignore:Parsed a serial number")  # Starfield's is 0
def test_amazons_authorities_are_those_that_it_names() -> None:
    """By the hashes of their public keys; the system trusts others beside them."""
    pem = Path(amazon._ROOTS).read_bytes()
    found = {
        hashlib.sha256(
            one.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        ).hexdigest()
        for one in x509.load_pem_x509_certificates(pem)
    }
    assert found == ROOTS


def certificate(folder: Path) -> Path:
    """Return a file with a key and a certificate for this machine, which nobody else signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "here")])
    day = timedelta(days=1)
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - day, now + day)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(address, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "server.pem").write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return folder / "server.pem"


@contextmanager
def encrypted(pem: Path, *answers: Callable[[Handler], None]) -> Iterator[str]:
    """Run a server behind HTTPS, and give its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with Server(*answers) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_stranger_is_not_trusted(tmp_path: Path) -> None:
    """Nothing is sent to a server that no known authority vouches for."""
    with encrypted(certificate(tmp_path)) as url, pytest.raises(Unanswered):
        service(url).call("GetItem", {})


def test_a_file_may_name_other_authorities(tmp_path: Path) -> None:
    """As botocore has it, in AWS_CA_BUNDLE."""
    pem = certificate(tmp_path)
    with encrypted(pem, says(b"{}")) as url:
        access = access_from(ENVIRON | {"AWS_CA_BUNDLE": str(pem)}, "dynamodb", endpoint=url)
        assert access is not None
        asking = JSONService("dynamodb", "D", "1.0", access)
        assert asking.call("GetItem", {}).ok
        asking.close()


def test_should_others_sign_for_amazon_the_system_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new authority does not bring the service to a stop."""
    pem = certificate(tmp_path)
    monkeypatch.setattr(amazon, "_trusting", amazon._trusting.__wrapped__)
    with encrypted(pem, says(b"{}")) as url:
        monkeypatch.setattr(amazon, "_address", lambda _name, _region: url)
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))  # what the system trusts
        asking = service()
        assert asking.call("GetItem", {}).ok
        asking.close()


def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    """Before anything is sent."""
    access = Access("eu-west-1", "a", "b", ca_bundle=str(tmp_path / "none.pem"))
    with pytest.raises(ConfigurationError, match="AWS_CA_BUNDLE"):
        JSONService("dynamodb", "D", "1.0", access)
