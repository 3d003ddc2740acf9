"""From request to response: find the operation, check who asks, call it, tell the result."""

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache, cached_property, partial
from http import HTTPStatus
from logging import INFO
from operator import attrgetter
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Protocol
from uuid import UUID

import attrs

from reflekt_core.app import Reflekt
from reflekt_core.errors import (
    Forbidden,
    InvalidInput,
    MalformedInput,
    NotFound,
    Problem,
    ReflektError,
    TooLarge,
    VersionConflict,
)
from reflekt_core.model.accounts import Actor
from reflekt_core.model.paging import Position
from reflekt_core.operations import OPERATIONS, Operation
from reflekt_core.ports import Clock
from reflekt_core.rest.answers import Answers
from reflekt_core.rest.bearer import bearer_token
from reflekt_core.rest.cors import Cors
from reflekt_core.rest.cursors import Cursors
from reflekt_core.rest.inputs import Inputs, Said
from reflekt_core.rest.logs import ACCESS, AUDIT, hashed, log_failure
from reflekt_core.rest.messages import MAX_BODY_BYTES, Request, Response
from reflekt_core.rest.problems import (
    BadParameters,
    InternalError,
    PreconditionFailed,
    problem,
)
from reflekt_core.rest.routes import Routes, allowed, is_documentation
from reflekt_core.serialization import wire

if TYPE_CHECKING:
    from reflekt_core.rest.docs import Page

__all__ = ["Dispatch", "Verifier"]

Identify = Callable[[datetime], Actor]
"""Says who asks, at a time; raises `Unauthenticated` if that holds no longer."""

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:=+/-]{1,128}")
_ALWAYS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Verifier(Protocol):
    """Tells who a token speaks for."""

    def verify(self, token: str, now: datetime) -> Actor:
        """
        Return the actor that *token* names.

        Raises:
            Unauthenticated: The token is not accepted.
            Unavailable: The keys to check it with cannot be had at the moment.
        """


@attrs.frozen
class _Plan:
    """All that can be known of an operation before the first request."""

    operation: Operation
    call: Callable[[Any], Callable[..., Any]]
    inputs: Inputs
    answers: Answers
    position: str | None
    """The argument that says where a list goes on."""
    audited: bool
    """It writes, or tells of others."""


@attrs.define
class _Trace:
    """What is known of a request so far, for the log and for telling errors."""

    request_id: str
    name: str | None = None
    operation: Operation | None = None
    user_id: str | None = None
    audited: bool = False
    subject: str | None = None
    """The id of what is written, or whose things are looked at."""


class Dispatch:
    """
    Answers requests with the operations of *reflekt*.

    Whatever the request is, a call returns a response; it raises nothing.

    Args:
        reflekt: The journal to serve.
        verifier: Tells who a bearer token speaks for.
        cursor_secret: At least 32 bytes; cursors and the user hashes of logs depend on it.
        clock: Tells the time that tokens are checked against; that of *reflekt*, if left out.
        cors_origins: Whose pages may call: exact origins, or ``*``.
        operations: What to answer; everything else is not found.
    """

    def __init__(  # noqa: PLR0913 - the parts, most with a default
        self,
        reflekt: Reflekt,
        verifier: Verifier,
        *,
        cursor_secret: bytes,
        clock: Clock | None = None,
        cors_origins: Iterable[str] = (),
        operations: Iterable[Operation] = OPERATIONS,
    ) -> None:
        self._reflekt = reflekt
        self._verifier = verifier
        self._secret = cursor_secret
        self._cursors = Cursors(cursor_secret)
        self._clock = clock or reflekt.clock
        self._cors = Cors(cors_origins)
        # A plan is made at the first request that needs it: a function often lives for one alone.
        self._routes = Routes((op, cache(partial(_plan, op))) for op in operations)

    def __call__(self, request: Request, identify: Identify | None = None) -> Response:
        """
        Return the response to *request*.

        *identify* says who asks, for a gateway that has checked the token already.
        """
        started = perf_counter()
        trace = _Trace(_request_id(request))
        try:
            response = self._answer(request, trace, identify)
        except ReflektError as error:
            response = _told(error, request, trace)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            log_failure(error, request_id=trace.request_id, operation=trace.name)
            failure = InternalError("Reflekt failed; the request id finds it in the log")
            response = problem(failure, trace.request_id)
        response = self._finished(response, request, trace)
        if ACCESS.isEnabledFor(INFO):
            self._log(response, trace, perf_counter() - started)
        if trace.audited:
            self._note(response, trace)
        return response

    def _answer(self, request: Request, trace: _Trace, identify: Identify | None) -> Response:
        _check_utf8(request)
        if is_documentation(request.path):
            return self._document(request, trace)
        if request.method == "OPTIONS":
            return self._options(request, trace)
        planned, parameter = self._routes.find(request.method, request.path)
        plan = planned()
        operation = trace.operation = plan.operation
        trace.name = operation.id
        if request.body is None or len(request.body) > MAX_BODY_BYTES:
            raise TooLarge(f"a body may have at most {MAX_BODY_BYTES // 1024} KiB")
        if operation.public:
            return self._called(plan, self._reflekt, request, parameter, trace)
        actor = (identify or self._bearer(request))(self._clock())
        trace.user_id, trace.audited = actor.user_id, plan.audited
        if operation.permission is not None and operation.permission not in actor.permissions:
            # The service says so again; but it is called only once the body was understood.
            raise Forbidden(f"this needs the permission {operation.permission.value}")
        view = self._reflekt.acting_as(actor)
        return self._called(plan, view, request, parameter, trace)

    def _bearer(self, request: Request) -> Identify:
        token = bearer_token(request.headers)
        return lambda now: self._verifier.verify(token, now)

    def _called(
        self, plan: _Plan, view: Any, request: Request, parameter: str | None, trace: _Trace
    ) -> Response:
        said = plan.inputs.read(request, parameter)
        user_id = trace.user_id or ""
        if plan.position is not None:
            said.arguments[plan.position] = self._position(plan, user_id, said)

        def sign(position: Position) -> str:
            return self._cursors.write(position, *_scope(plan, user_id, said))

        if plan.audited:
            trace.subject = self._subject(said.arguments, None)
        value = plan.call(view)(**said.arguments)
        if plan.audited:
            trace.subject = trace.subject or self._subject(said.arguments, value)
        return plan.answers.write(value, request, sign, said.limit)

    def _position(self, plan: _Plan, user_id: str, said: Said) -> Position | None:
        if said.cursor is None:
            return None
        try:
            return self._cursors.read(said.cursor, *_scope(plan, user_id, said))
        except MalformedInput as error:
            raise BadParameters((Problem(plan.operation.cursor or "", error.message),)) from None

    def _document(self, request: Request, trace: _Trace) -> Response:
        page = self._pages.get(request.path)
        if page is None:
            raise NotFound("there is no such page; the documentation is at /api-docs")
        trace.name = page.operation
        return page.answer(request)

    @cached_property
    def _pages(self) -> "dict[str, Page]":
        # Loaded when somebody reads: serving alone does without.
        from reflekt_core.rest.docs import pages  # noqa: PLC0415

        return pages()

    def _options(self, request: Request, trace: _Trace) -> Response:
        methods, _ = self._routes.at(request.path)
        trace.name = "options"
        allow = allowed(methods)
        return Response(204, {"Allow": allow, **self._cors.preflight(allow)})

    def _finished(self, response: Response, request: Request, trace: _Trace) -> Response:
        headers = {**_ALWAYS, "X-Request-Id": trace.request_id, **response.headers}
        if self._cors:
            headers |= self._cors.headers(request.headers)
        if request.method == "HEAD":
            headers["Content-Length"] = str(len(response.body))
            return Response(response.status, headers)
        return Response(response.status, headers, response.body)

    def _log(self, response: Response, trace: _Trace, seconds: float) -> None:
        fields = {
            "request_id": trace.request_id,
            "operation": trace.name,
            "status": int(response.status),
            "duration_ms": round(seconds * 1000, 3),
            "user": trace.user_id and hashed(self._secret, trace.user_id),
        }
        ACCESS.info("request", extra={"fields": fields})

    def _note(self, response: Response, trace: _Trace) -> None:
        fields = {
            "request_id": trace.request_id,
            "operation": trace.name,
            "user": trace.user_id and hashed(self._secret, trace.user_id),
            "subject": trace.subject,
            "status": int(response.status),
        }
        AUDIT.info("audit", extra={"fields": fields})

    def _subject(self, arguments: Mapping[str, Any], value: Any) -> str | None:
        """Return the id of what is dealt with; a tag is no id, but text."""
        if "user_id" in arguments:
            return hashed(self._secret, arguments["user_id"])
        id = arguments.get("id") or getattr(value, "id", None)
        return str(id) if isinstance(id, UUID) else None


def _plan(operation: Operation) -> _Plan:
    position = operation.cursor and ("since" if operation.cursor == "since" else "after")
    permission = operation.permission or ""
    return _Plan(
        operation,
        attrgetter(operation.id),
        Inputs(operation),
        Answers(operation),
        position,
        audited=permission.endswith(":write") or permission.startswith("admin:"),
    )


def _request_id(request: Request) -> str:
    wanted = request.headers.get("x-request-id")
    if wanted is not None and _REQUEST_ID.fullmatch(wanted):
        return wanted
    return secrets.token_hex(16)


def _check_utf8(request: Request) -> None:
    query = request.query
    text = query if isinstance(query, str) else "".join(map("".join, query))
    if request.path.isascii() and text.isascii():
        return
    try:
        f"{request.path}{text}".encode()
    except UnicodeEncodeError:
        raise MalformedInput("the path and the query string must be UTF-8") from None


def _scope(plan: _Plan, user_id: str, said: Said) -> tuple[Any, ...]:
    """Return what a cursor belongs to."""
    query = None if said.query is None else wire(said.query)
    return user_id, plan.operation.id, query


def _told(error: ReflektError, request: Request, trace: _Trace) -> Response:
    """Return the answer that tells *error*, as what it means for this request."""
    operation = trace.operation
    if isinstance(error, VersionConflict) and "if-match" in request.headers:
        error = PreconditionFailed(error.message)
    elif isinstance(error, InvalidInput) and operation and operation.query and not operation.body:
        error = BadParameters(error.problems)
    response = problem(error, trace.request_id)
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log_failure(error, request_id=trace.request_id, operation=trace.name)
    return response
