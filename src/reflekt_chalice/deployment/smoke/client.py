"""One who asks a service for its operations, checks the answers, and writes both down, masked."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import attrs

from reflekt_chalice.deployment.connection import Connection, Reply
from reflekt_chalice.deployment.failures import DeploymentError
from reflekt_chalice.deployment.smoke.contract import Contract, Route
from reflekt_chalice.deployment.smoke.masking import masked_body, masked_headers, masked_query

__all__ = ["Answer", "Client", "Exchange", "Wrong"]

_POLL_SECONDS: Final = (0.05, 0.1, 0.2, 0.5)
_SLOW_POLL_SECONDS: Final = 1.0
_MERGE_PATCH: Final = "application/merge-patch+json"
_NAMES: Final[Mapping[str, Route]] = {
    # Before the document is there, these say where it is.
    "docs.openapi": Route("GET", "/openapi.json"),
    "health.check": Route("GET", "/health"),
}


class Wrong(DeploymentError):
    """What a service answered is not what it should be; begins with the operation."""

    def __init__(self, operation: str, said: str) -> None:
        super().__init__(f"{operation}: {said}")
        self.operation = operation
        self.said = said


@attrs.frozen
class Exchange:
    """One request for an operation: how it was answered, and how long that took."""

    operation: str
    status: int
    seconds: float
    problem: str = ""


@attrs.frozen
class Answer:
    """What was answered: a checked reply, and what its JSON says."""

    reply: Reply
    value: Any = None

    @property
    def etag(self) -> str:
        """The version, as If-Match takes it."""
        return self.reply.headers.get("etag", "")


class Client:
    """
    Asks for operations by their ids.

    Args:
        connection: To the service.
        token: Whose user it asks as.
        folder: Where each request and answer is written down.
        patience_seconds: How long to wait for what a service does after it has answered.
        tell: Is told each exchange.
        pause: Waits for some seconds.
    """

    def __init__(  # noqa: PLR0913 - by name; each has a reason of its own
        self,
        connection: Connection,
        *,
        token: str,
        folder: Path,
        patience_seconds: float = 60,
        tell: Callable[[Exchange], None] = lambda _: None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.exchanges: list[Exchange] = []
        self.contract: Contract | None = None
        self._connection = connection
        self._token = token
        self._folder = folder
        self._patience = patience_seconds
        self._tell = tell
        self._pause = pause
        self._written: dict[str, tuple[list[Any], list[Any]]] = {}

    def call(  # noqa: PLR0913 - the parts of a request
        self,
        operation: str,
        /,
        *,
        expect: int | tuple[int, ...] = 200,
        at: str = "",
        query: Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        anonymous: bool = False,
        unchecked_body: bool = False,
    ) -> Answer:
        """
        Return the answer to a request.

        Args:
            operation: The operation's id.
            expect: The status that it must have, or those that it may have.
            at: The parameter in its path.
            query: The parameters of the query string.
            body: What is sent, as JSON.
            headers: Besides those that every request has.
            anonymous: Without the token.
            unchecked_body: The body is wrong on purpose.

        Raises:
            Wrong: The status is another, or the answer breaks the service's own document.
            Unreachable: There is no answer.
        """
        route = self._route(operation)
        content = None if body is None else json.dumps(body).encode()
        path = route.path.replace("{id}", quote(at, safe="")).replace("{tag}", quote(at, safe=""))
        sent = self._headers(route, content, headers or {}, anonymous=anonymous)
        reply = self._connection.send(route.method, path, query=query, headers=sent, body=content)
        said = f"{route.method} {route.path}"
        self._write_down(operation, said, query, sent, content, reply)
        wrong = self._wrong(operation, expect, None if unchecked_body else body, reply)
        exchange = Exchange(operation, reply.status, reply.seconds, wrong)
        self.exchanges.append(exchange)
        self._tell(exchange)
        if wrong:
            raise Wrong(operation, wrong)
        return Answer(reply, _value(reply))

    def _route(self, operation: str) -> Route:
        found = self.contract.route(operation) if self.contract else _NAMES[operation]
        if found is None:
            raise Wrong(operation, "the service does not know it: is it an older version?")
        return found

    def _headers(
        self, route: Route, content: bytes | None, more: Mapping[str, str], *, anonymous: bool
    ) -> dict[str, str]:
        found = {"Accept": "*/*"}
        if content is not None:
            found["Content-Type"] = _MERGE_PATCH if route.method == "PATCH" else "application/json"
        if not anonymous:
            found["Authorization"] = f"Bearer {self._token}"
        return found | dict(more)

    def _wrong(self, operation: str, expect: int | tuple[int, ...], body: Any, reply: Reply) -> str:
        allowed = (expect,) if isinstance(expect, int) else expect
        if reply.status not in allowed:
            wanted = " or ".join(map(str, allowed))
            return f"answered {reply.status}{_code(reply)}, not {wanted}"
        if self.contract is None:
            return ""
        problems = self.contract.request_problems(operation, body) if body is not None else []
        problems += self.contract.problems(operation, reply.status, reply.headers, reply.body)
        return "; ".join(problems)

    def check(self, operation: str, held: object, said: str) -> None:
        """Raise `Wrong` about *operation*, as *said*, unless something *held*."""
        if not held:
            last = max(i for i, one in enumerate(self.exchanges) if one.operation == operation)
            self.exchanges[last] = attrs.evolve(self.exchanges[last], problem=said)
            raise Wrong(operation, said)

    def until(self, operation: str, found: Callable[[], object], what: str) -> None:
        """
        Ask again and again until *found* returns something true.

        Raises:
            Wrong: It did not in time.
        """
        end = time.monotonic() + self._patience
        pauses = _pauses()
        while not found():
            late = time.monotonic() >= end
            self.check(operation, not late, f"{what}, even after {self._patience:g} s")
            self._pause(next(pauses))

    def _write_down(  # noqa: PLR0913, PLR0917 - the parts of a request
        self,
        operation: str,
        said: str,
        query: Sequence[tuple[str, str]],
        headers: Mapping[str, str],
        content: bytes | None,
        reply: Reply,
    ) -> None:
        requests, responses = self._written.setdefault(operation, ([], []))
        sent = masked_body(content, headers.get("Content-Type", ""))
        requests.append(
            {
                "operation": said,
                "query": masked_query(query),
                "headers": masked_headers(headers),
                "body": sent,
            }
        )
        responses.append(
            {
                "status": reply.status,
                "milliseconds": round(reply.seconds * 1000, 1),
                "headers": masked_headers(reply.headers),
                "body": masked_body(reply.body, reply.headers.get("content-type", "")),
            }
        )
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for name, rows in (("request", requests), ("response", responses)):
                path = self._folder / f"{operation}-{name}.json"
                path.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
        except OSError as error:
            raise DeploymentError(f"{error.filename}: {error.strerror}") from None


def _pauses() -> Iterator[float]:
    yield from _POLL_SECONDS
    while True:
        yield _SLOW_POLL_SECONDS


def _value(reply: Reply) -> Any:
    kind = reply.headers.get("content-type", "")
    if not reply.body or "json" not in kind:
        return None
    if "ndjson" in kind:
        return [json.loads(line) for line in reply.body.splitlines()]
    return json.loads(reply.body)


def _code(reply: Reply) -> str:
    """Return the code of a problem document, for people."""
    try:
        value = json.loads(reply.body)
    except ValueError:
        return ""
    code = value.get("code") if isinstance(value, dict) else None
    return f" ({code})" if isinstance(code, str) and code.isidentifier() else ""
