"""One request to DynamoDB, and what is done when it fails: the seam to Amazon's software."""

import logging
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol
from zlib import crc32

import attrs

from reflekt_core.amazon import Access, JSONService, Unanswered, access_from
from reflekt_core.errors import (
    ConfigurationError,
    ReflektError,
    StoreError,
    TooLarge,
    Unavailable,
)

__all__ = [
    "BotocoreTransport",
    "CallFailed",
    "Caller",
    "Cancelled",
    "OwnTransport",
    "SignedTransport",
    "Transport",
    "open_transport",
]

Payload = Mapping[str, Any]

CONDITION: Final = "ConditionalCheckFailed"
_LATER: Final = frozenset(
    {
        "ConnectionError",
        "InternalServerError",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingError",
        "ThrottlingException",
        "TransactionConflict",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
_UNKNOWN_CALLER: Final = frozenset(
    {
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "NoCredentials",
        "UnrecognizedClientException",
    }
)
_SERVER_ERROR: Final = 500


class CallFailed(Exception):
    """
    One request brought no result.

    `code` is DynamoDB's name for the reason, or ``ConnectionError`` if it is not known what became
    of the request. `reasons` are those of a transaction: of each item, the code and, if a condition
    failed, the item as it was.
    """

    def __init__(
        self,
        code: str,
        *,
        status: int = 0,
        reasons: tuple[tuple[str, dict[str, Any] | None], ...] = (),
    ) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.reasons = reasons


class Cancelled(Exception):
    """A condition failed, so nothing was written. Of each item: whether its own did, and the item."""

    def __init__(self, failed: tuple[tuple[bool, dict[str, Any] | None], ...]) -> None:
        super().__init__("a condition was not met")
        self.failed = failed


class Transport(Protocol):
    """Sends requests to DynamoDB."""

    def call(self, operation: str, payload: Payload) -> dict[str, Any]:
        """
        Return the response to one attempt at *operation*, such as ``GetItem``.

        Raises:
            CallFailed: There was no good response.
        """


class OwnTransport(Transport, Protocol):
    """A transport that was opened, and has to be closed."""

    def close(self) -> None:
        """Let go of the connections."""


def open_transport(region: str | None, endpoint: str | None) -> OwnTransport:
    """
    Return what sends requests as the environment says: without botocore, if that does.

    Args:
        region: Such as ``eu-west-1``; None asks the environment.
        endpoint: URL of an emulator; None for Amazon's.
    """
    access = access_from(os.environ, "dynamodb", region=region, endpoint=endpoint)
    if access is None:
        return BotocoreTransport(region=region, endpoint=endpoint)
    return SignedTransport(access)


class SignedTransport:
    """
    Requests signed here, each sent exactly once.

    Args:
        access: Who asks, and where.
        connect_seconds: How long to wait for a connection.
        read_seconds: How long to wait for a response.
    """

    def __init__(
        self,
        access: Access,
        *,
        connect_seconds: float = 1.0,
        read_seconds: float = 2.0,
    ) -> None:
        self._service = JSONService(
            "dynamodb",
            "DynamoDB_20120810",
            "1.0",
            access,
            connect_seconds=connect_seconds,
            read_seconds=read_seconds,
        )

    def call(self, operation: str, payload: Payload) -> dict[str, Any]:
        """See `Transport`."""
        try:
            answer = self._service.call(operation, payload)
        except Unanswered:
            raise CallFailed("ConnectionError") from None
        if answer.ok:
            return answer.body
        reasons = _reasons(answer.body)
        raise CallFailed(answer.code, status=answer.status, reasons=reasons)

    def close(self) -> None:
        """Let go of the connections."""
        self._service.close()


class BotocoreTransport:
    """
    Requests made by botocore, each exactly once: it finds regions and credentials anywhere.

    Args:
        region: Such as ``eu-west-1``; None asks botocore's own configuration.
        endpoint: URL of an emulator; None for Amazon's.
        connect_seconds: How long to wait for a connection.
        read_seconds: How long to wait for a response.
    """

    def __init__(
        self,
        *,
        region: str | None = None,
        endpoint: str | None = None,
        connect_seconds: float = 1.0,
        read_seconds: float = 2.0,
    ) -> None:
        self._region = region
        self._endpoint = endpoint
        self._timeouts = (connect_seconds, read_seconds)
        self._lock = threading.Lock()
        self._made: Any = None

    def call(self, operation: str, payload: Payload) -> dict[str, Any]:
        """See `Transport`."""
        from botocore.exceptions import (  # type: ignore[import-untyped]  # noqa: PLC0415 - loaded at the first request
            BotoCoreError,
            ClientError,
            NoCredentialsError,
            PartialCredentialsError,
        )

        client = self._client()
        try:
            return dict(client._make_api_call(operation, dict(payload)))  # noqa: SLF001 - what its methods call
        except ClientError as error:
            # Without its cause: a response may quote what was sent.
            raise _failure(error.response) from None
        except (NoCredentialsError, PartialCredentialsError):
            raise CallFailed("NoCredentials") from None
        except BotoCoreError:
            raise CallFailed("ConnectionError") from None

    def close(self) -> None:
        """Let go of the connections."""
        with self._lock:
            made, self._made = self._made, None
        if made is not None:
            made.close()

    def _client(self) -> Any:
        if self._made is None:
            with self._lock:
                self._made = self._made or self._new()
        return self._made

    def _new(self) -> Any:
        from botocore.config import Config  # type: ignore[import-untyped]  # noqa: PLC0415 - loaded at the first request
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415
        from botocore.session import Session  # type: ignore[import-untyped]  # noqa: PLC0415

        _keep_quiet()
        connect_seconds, read_seconds = self._timeouts
        config = Config(
            connect_timeout=connect_seconds,
            read_timeout=read_seconds,
            retries={"total_max_attempts": 1, "mode": "standard"},
            max_pool_connections=32,
        )
        try:
            made = Session().create_client(
                "dynamodb", region_name=self._region, endpoint_url=self._endpoint, config=config
            )
        except (BotoCoreError, ValueError):
            raise ConfigurationError(
                "DynamoDB cannot be reached as configured: give a region, as in "
                "dynamodb://prefix?region=eu-west-1, or set AWS_REGION"
            ) from None
        made.meta.events.register("before-parse.dynamodb", _check_complete)
        return made


def _check_complete(response_dict: Mapping[str, Any], **_: Any) -> None:
    """
    Let pass a response that has arrived whole.

    botocore takes one that was cut off for an empty one: an entry would seem not to exist. In its
    mode "standard" it looks at neither the length nor the checksum that DynamoDB sends along.
    """
    headers, body = response_dict["headers"], response_dict["body"]
    length, checksum = headers.get("content-length"), headers.get("x-amz-crc32")
    if (length and int(length) != len(body)) or (checksum and int(checksum) != crc32(body)):
        raise CallFailed("ConnectionError")


def _keep_quiet() -> None:
    """Keep botocore from logging requests and responses: they hold the journal."""
    logger = logging.getLogger("botocore")
    logger.setLevel(max(logger.getEffectiveLevel(), logging.WARNING))


def _failure(response: Mapping[str, Any]) -> CallFailed:
    code = str(response.get("Error", {}).get("Code", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return CallFailed(code, status=status, reasons=_reasons(response))


def _reasons(response: Mapping[str, Any]) -> tuple[tuple[str, dict[str, Any] | None], ...]:
    return tuple(
        (str(reason.get("Code", "None")), reason.get("Item"))
        for reason in response.get("CancellationReasons", ())
    )


@attrs.frozen
class Caller:
    """
    Sends each request until it is answered, for at most *deadline_seconds*.

    Whoever calls sees to it that a request may be sent twice: transactions carry a token.

    Args:
        transport: Makes one attempt.
        clock: Seconds that only go forward.
        sleep: Waits for so many seconds.
        random: A number from 0 to 1, for the length of pauses.
        deadline_seconds: For all attempts at one request together.
    """

    transport: Transport
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    random: Callable[[], float]
    deadline_seconds: float = 8.0

    def call(self, operation: str, payload: Payload) -> dict[str, Any]:
        """
        Return the response to *operation*.

        Raises:
            Cancelled: A condition was not met.
            Unavailable: There was no answer in time.
            StoreError: DynamoDB refused.
            TooLarge: An item or transaction is larger than DynamoDB takes.
        """
        end = self.clock() + self.deadline_seconds
        attempt = 0
        while True:
            try:
                return self.transport.call(operation, payload)
            except CallFailed as error:
                if not _may_be_repeated(error):
                    raise _meaning(error, operation, payload) from None
            attempt += 1
            self.pause(attempt, end, operation, payload)

    def pause(self, attempt: int, end: float, operation: str, payload: Payload) -> None:
        """
        Wait before the next attempt, up to 25, 50, 100 … milliseconds, at most 1 second.

        Raises:
            Unavailable: It would not be sent before *end*.
        """
        seconds = self.random() * min(1.0, 0.025 * 2 ** min(attempt - 1, 10))
        if self.clock() + seconds >= end:
            raise Unavailable(
                f"DynamoDB did not complete {operation} on {_place(payload)} in time; try again",
                retry_after_seconds=2,
            )
        self.sleep(seconds)


def _may_be_repeated(error: CallFailed) -> bool:
    if error.reasons:
        codes = {code for code, _ in error.reasons} - {"None"}
        return bool(codes) and codes <= _LATER
    return error.code in _LATER or error.status >= _SERVER_ERROR


def _meaning(error: CallFailed, operation: str, payload: Payload) -> Exception:
    """Return what an error that stays says to a caller. No word of the vendor's is passed on."""
    codes = {error.code} | {code for code, _ in error.reasons}
    where = f"{operation} on {_place(payload)}"
    if CONDITION in codes:
        return Cancelled(tuple((code == CONDITION, item) for code, item in error.reasons))
    for known, cls, said in _SAID:
        if codes & known:
            return cls(f"{said} ({where})")
    return StoreError(f"DynamoDB refused {where}: {error.code}")


_SAID: Final[tuple[tuple[frozenset[str], type[ReflektError], str], ...]] = (
    (
        frozenset({"ResourceNotFoundException"}),
        StoreError,
        "a table is missing: create the tables first",
    ),
    (_UNKNOWN_CALLER, StoreError, "AWS credentials are missing or not accepted"),
    (
        frozenset({"ItemCollectionSizeLimitExceeded", "ItemCollectionSizeLimitExceededException"}),
        TooLarge,
        "the journal has reached the 10 GB that DynamoDB keeps of one",
    ),
    (frozenset({"ValidationError"}), TooLarge, "something is larger than DynamoDB takes"),
)


def _place(payload: Payload) -> str:
    """Return the names of the tables a request is about."""
    names = {payload.get("TableName", "")} | set(payload.get("RequestItems", ()))
    for item in payload.get("TransactItems", ()):
        names |= {part["TableName"] for part in item.values()}
    return ", ".join(sorted(filter(None, names))) or "no table"
