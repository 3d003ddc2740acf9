"""
Requests to Amazon's services that speak JSON: signed, and each sent exactly once.

A function on AWS knows its region and its credentials from the environment, and asks two or three
services. botocore does that, too, but to load it takes longer than all else that a function does
before its first answer. Wherever the environment asks for more than this module understands,
`access_from` says so, and botocore is the way.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from hmac import digest
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from select import POLLIN, poll
from ssl import SSLCertVerificationError, SSLContext, create_default_context
from typing import Any, Final
from urllib.parse import urlsplit
from weakref import finalize
from zlib import crc32

import attrs

from reflekt_core.errors import ConfigurationError

__all__ = ["Access", "Answer", "JSONService", "Unanswered", "access_from"]

_MORE: Final = (
    *("AWS_DEFAULTS_MODE", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_USE_DUALSTACK_ENDPOINT"),
    *("AWS_USE_FIPS_ENDPOINT", "HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"),
)
"""Variables that botocore heeds and this module does not."""

_ROOTS: Final = str(Path(__file__).with_name("amazon_roots.pem"))
"""Who signs for Amazon: a system trusts 150 authorities, and to load these takes 30 ms."""

_REGION: Final = re.compile(r"[a-z0-9-]{1,63}")
_ADDRESSED: Final = re.compile(r"(af|ap|ca|cn|eu|il|me|mx|sa|us|us-gov)-[a-z]+-\d+")
"""Regions whose services have the addresses that this module knows. Others end differently."""


class Unanswered(Exception):
    """It is not known what became of a request: there was no whole answer."""


@attrs.frozen
class Access:
    """
    Who asks, and where.

    `token` comes with credentials that expire. `endpoint` is the URL of an emulator, if it is not
    Amazon's. `ca_bundle` is a file with the authorities to trust, in place of the system's.
    """

    region: str
    key_id: str
    secret: str = attrs.field(repr=False)
    token: str | None = attrs.field(default=None, repr=False)
    endpoint: str | None = None
    ca_bundle: str | None = None


@attrs.frozen
class Answer:
    """What a service said: the status of HTTP, and an object; an empty one if it sent none."""

    status: int
    body: dict[str, Any]

    @property
    def ok(self) -> bool:
        """Whether it is what was asked for."""
        return self.status == HTTPStatus.OK

    @property
    def code(self) -> str:
        """The service's name for an error, such as ``ThrottlingException``; empty if it named none."""
        return str(self.body.get("__type", "")).rpartition("#")[2]


def access_from(
    environ: Mapping[str, str],
    service: str,
    *,
    region: str | None = None,
    endpoint: str | None = None,
) -> Access | None:
    """
    Return what *environ* says of credentials and places; None if only botocore understands it.

    Args:
        environ: Such as `os.environ`.
        service: Such as ``dynamodb``.
        region: Such as ``eu-west-1``; that of the environment, if left out.
        endpoint: URL of an emulator; that of the environment, if left out.
    """

    def said(*names: str) -> str | None:
        return next(filter(None, map(environ.get, names)), None)

    region = region or said("AWS_REGION", "AWS_DEFAULT_REGION")
    endpoint = endpoint or said(f"AWS_ENDPOINT_URL_{service.upper()}", "AWS_ENDPOINT_URL")
    key_id, secret = said("AWS_ACCESS_KEY_ID"), said("AWS_SECRET_ACCESS_KEY")
    known = _REGION if endpoint else _ADDRESSED
    if not (region and known.fullmatch(region) and key_id and secret) or said(*_MORE):
        return None
    return Access(
        region,
        key_id,
        secret,
        said("AWS_SESSION_TOKEN"),
        endpoint,
        said("AWS_CA_BUNDLE"),
    )


class JSONService:
    """
    A service of Amazon's, asked over connections that are kept.

    Args:
        name: As it is signed for and addressed, such as ``dynamodb``.
        target: What its operations begin with, such as ``DynamoDB_20120810``.
        version: Of the JSON protocol: ``1.0`` or ``1.1``.
        access: Who asks, and where.
        connect_seconds: How long to wait for a connection.
        read_seconds: How long to wait for an answer.

    Raises:
        ConfigurationError: There are no certificates in the file that *access* names.
    """

    def __init__(  # noqa: PLR0913 - what tells services apart
        self,
        name: str,
        target: str,
        version: str,
        access: Access,
        *,
        connect_seconds: float = 1.0,
        read_seconds: float = 2.0,
    ) -> None:
        url = urlsplit(access.endpoint or _address(name, access.region))
        self._name = name
        self._target = target
        self._type = f"application/x-amz-json-{version}"
        self._access = access
        self._host = url.netloc
        self._path = url.path or "/"
        self._read_seconds = read_seconds
        self._place = (url.hostname or "", url.port)
        self._tls: SSLContext | None = None
        if url.scheme == "https":
            self._tls = _trusting(access.ca_bundle or (None if access.endpoint else _ROOTS))
        self._connect_seconds = connect_seconds
        self._idle: list[HTTPConnection] = []
        finalize(self, _close, self._idle)

    def call(self, operation: str, payload: Mapping[str, Any]) -> Answer:
        """
        Return the answer to one attempt at *operation*, such as ``GetItem``. Bytes pass as base64.

        Raises:
            Unanswered: The connection broke, or the answer did not come whole or in time.
        """
        body = json.dumps(payload, default=_encoded).encode()
        headers = self._signed(operation, body, datetime.now(UTC))
        connection: HTTPConnection | None = None
        try:
            connection = self._connected()
            connection.request("POST", self._path, body, headers)
            response = connection.getresponse()
            answer = _answer(response)
        except (OSError, HTTPException, ValueError):
            if connection:
                connection.close()
            # Those kept beside it are no younger. A function that slept may have lost them all, and
            # must not wait for each in turn.
            self.close()
            # Without its cause: it may quote what was sent.
            raise Unanswered from None
        if response.will_close:
            connection.close()
        else:
            self._idle.append(connection)
        return answer

    def close(self) -> None:
        """Let go of the connections."""
        _close(self._idle)

    def _connected(self) -> HTTPConnection:
        """Return a connection that nobody uses, and that was not closed from the other side."""
        while self._idle:
            try:
                kept = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if not _ended(kept):
                return kept
            kept.close()
        try:
            return self._new()
        except SSLCertVerificationError:
            # Should others ever sign for Amazon, the system knows them.
            self._tls = _trusting(self._access.ca_bundle)
            return self._new()

    def _new(self) -> HTTPConnection:
        seconds, tls = self._connect_seconds, self._tls
        made = HTTPConnection(*self._place, timeout=seconds)
        if tls:
            made = HTTPSConnection(*self._place, timeout=seconds, context=tls)
        try:
            made.connect()
        except OSError:
            made.close()
            raise
        made.sock.settimeout(self._read_seconds)
        return made

    def _signed(self, operation: str, body: bytes, now: datetime) -> dict[str, str]:
        """
        Return the headers of a request, with its signature, version 4.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
        """
        access, at = self._access, f"{now:%Y%m%dT%H%M%SZ}"
        headers = {
            "content-type": self._type,
            "host": self._host,
            "x-amz-date": at,
            "x-amz-target": f"{self._target}.{operation}",
        }
        if access.token:
            headers["x-amz-security-token"] = access.token
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        request = f"POST\n{self._path}\n\n{lines}\n{names}\n{sha256(body).hexdigest()}"
        scope = f"{at[:8]}/{access.region}/{self._name}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{sha256(request.encode()).hexdigest()}"
        key = _key(access.secret, at[:8], access.region, self._name)
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={access.key_id}/{scope}, SignedHeaders={names}, "
            f"Signature={digest(key, text.encode(), 'sha256').hex()}"
        )
        return headers


def _close(connections: list[HTTPConnection]) -> None:
    while connections:
        connections.pop().close()


def _address(name: str, region: str) -> str:
    ending = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://{name}.{region}.{ending}"


@cache
def _trusting(authorities: str | None) -> SSLContext:
    """
    Return how to encrypt, trusting the *authorities* in a file, or those that the system does.

    Raises:
        ConfigurationError: There are none in the file.
    """
    try:
        return create_default_context(cafile=authorities)
    except OSError:
        raise ConfigurationError("AWS_CA_BUNDLE must name a file of certificates") from None


@cache  # good for a day
def _key(secret: str, day: str, region: str, name: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, name, "aws4_request"):
        key = digest(key, part.encode(), "sha256")
    return key


def _ended(connection: HTTPConnection) -> bool:
    """Tell whether there is something to read before anything was asked: the end, that is."""
    watch = poll()
    watch.register(connection.sock, POLLIN)
    return bool(watch.poll(0))


def _encoded(value: Any) -> str:
    if not isinstance(value, bytes):
        raise TypeError(f"a {type(value).__name__} is no part of a request")
    return b64encode(value).decode()


def _answer(response: HTTPResponse) -> Answer:
    """
    Return what *response* says. What comes with an error may be a page of some proxy's.

    Raises:
        ValueError: It did not arrive as it was sent.
    """
    data, checksum = response.read(), response.headers.get("x-amz-crc32")
    if checksum and int(checksum) != crc32(data):
        raise ValueError("the checksum is wrong")
    try:
        found = json.loads(data, object_hook=_decoded)
    except ValueError:
        if response.status == HTTPStatus.OK:
            raise
        found = None
    return Answer(response.status, found if isinstance(found, dict) else {})


def _decoded(part: dict[str, Any]) -> dict[str, Any]:
    """Return an attribute's value with its bytes; nothing else is an object with a text called B."""
    held = part.get("B")
    return {"B": b64decode(held)} if isinstance(held, str) else part
