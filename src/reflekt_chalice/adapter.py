"""The operations as routes of a Chalice app, or of a Blueprint in somebody else's."""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from chalice.app import AuthRequest, Blueprint, CaseInsensitiveMapping, Chalice, ChaliceAuthorizer
from chalice.app import Request as ChaliceRequest
from chalice.app import Response as ChaliceResponse

from reflekt_chalice.authorizer import DENIED, Refused, actor_in, create_authorizer
from reflekt_chalice.events import ANY_TYPE, Event, chalice_response, request_id_of, request_of
from reflekt_chalice.functions import FUNCTIONS, checked, operations_of
from reflekt_chalice.logs import log_to_stdout
from reflekt_chalice.service import Service, service_from
from reflekt_core.errors import ReflektError
from reflekt_core.operations import Operation
from reflekt_core.rest.logs import log_failure
from reflekt_core.rest.messages import Response
from reflekt_core.rest.problems import InternalError, problem

__all__ = ["AUTHORIZER_SECONDS", "METHODS", "create_app", "journal_blueprint"]

AUTHORIZER_SECONDS: Final = 300
"""How long API Gateway keeps what the authorizer said of a token."""

METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
"""Every method that API Gateway knows."""

_DOCUMENTATION: Final = ("/openapi.json", "/api-docs", "/api-docs/{page+}")
_EVERYTHING_ELSE: Final = ("/", "/{proxy+}")
# A tag may hold slashes.
_ROUTES: Final = {"/tags/{tag}": "/tags/{tag+}"}

View = Callable[[Event, str], ChaliceResponse]
"""Answers an event on a route."""


def create_app(
    name: str = "reflekt-journal",
    *,
    functions: Sequence[str] | None = None,
    service: Service | None = None,
) -> Chalice:
    """
    Return the Chalice app that answers the journal's API.

    All of it has an authorizer called ``authorizer``, whose handler is ``app.authorise``: what
    `create_authorizer` returns. Where none has answered, the app checks the token itself.

    Args:
        name: The app's name.
        functions: Which functions' operations to answer, of `FUNCTIONS`; all, if left out.
        service: What answers; what environment variables describe, if left out.

    Raises:
        ConfigurationError: There is no function of that name.
    """
    names = checked(functions)
    operations = operations_of(names)
    service = service or service_from(os.environ, names)
    app = Chalice(name, configure_logs=False)
    log_to_stdout(name, "ERROR")
    # Bodies pass as bytes: as text, API Gateway would quietly replace what is no UTF-8.
    app.api.binary_types = [ANY_TYPE]
    authorizer = _register_authorizer(app, service) if functions is None else None
    view = _view(app, service, trusting=True)
    _register_operations(app, view, operations, authorizer=authorizer, others=METHODS)
    if any(FUNCTIONS[name].documentation for name in names):
        for path in _DOCUMENTATION + _EVERYTHING_ELSE:
            _route(app, view, path, METHODS)
    app.register_middleware(_as_sent(app, view), "http")
    return app


def journal_blueprint(
    import_name: str = "reflekt_chalice",
    *,
    functions: Sequence[str] | None = None,
    service: Service | None = None,
    authorizer: ChaliceAuthorizer | None = None,
) -> Blueprint:
    """
    Return the journal's API for a Chalice app that has other routes, too.

    It adds routes and nothing else: no middleware, no events, no answers for other paths. Give it a
    prefix: ``app.register_blueprint(journal_blueprint(), url_prefix="/journal")``.

    Args:
        import_name: The module that Chalice files it under.
        functions: Which functions' operations to answer, of `FUNCTIONS`; all, if left out.
        service: What answers; what environment variables describe, if left out.
        authorizer: The app's authorizer, if it answers as `create_authorizer` does; without one,
            tokens are checked here, and what another authorizer says is not heeded.

    Raises:
        ConfigurationError: There is no function of that name.
    """
    names = checked(functions)
    operations = operations_of(names)
    service = service or service_from(os.environ, names)
    blueprint = Blueprint(import_name)
    view = _view(blueprint, service, trusting=authorizer is not None)
    _register_operations(blueprint, view, operations, authorizer=authorizer)
    if any(FUNCTIONS[name].documentation for name in names):
        for path in _DOCUMENTATION:
            _route(blueprint, view, path, ("GET", "HEAD", "OPTIONS"))
    return blueprint


def _register_operations(
    target: Chalice | Blueprint,
    view: View,
    operations: Iterable[Operation],
    *,
    authorizer: ChaliceAuthorizer | None,
    others: Sequence[str] = (),
) -> None:
    """Register each path, with *others* for the methods that it does not have."""
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, {})[operation.method] = operation
    for path, methods in by_path.items():
        closed = {method for method, operation in methods.items() if not operation.public}
        closed |= {"HEAD"} if "GET" in closed else set()
        opened = {*methods, "OPTIONS"} | ({"HEAD"} if "GET" in methods else set()) | {*others}
        _route(target, view, path, sorted(closed), authorizer)
        _route(target, view, path, sorted(opened - closed))


def _route(
    target: Chalice | Blueprint,
    view: View,
    path: str,
    methods: Sequence[str],
    authorizer: ChaliceAuthorizer | None = None,
) -> None:
    def journal(**_: str) -> ChaliceResponse:
        request = target.current_request
        if request is None:
            raise RuntimeError("there is no request to answer")
        return view(request.to_original_event(), path)

    if methods:
        # Without content types, so that what is not read is refused in our own words.
        target.route(
            _ROUTES.get(path, path),
            methods=list(methods),
            authorizer=authorizer,
            content_types=[],
            cors=False,
        )(journal)


def _view(target: Chalice | Blueprint, service: Service, *, trusting: bool) -> View:
    """Return what answers events and raises nothing. *trusting*: the authorizer is ours."""

    def view(event: Event, path: str) -> ChaliceResponse:
        app = target if isinstance(target, Chalice) else target.current_app
        return chalice_response(
            _answer(event, path, service, trusting=trusting), app.api.binary_types
        )

    return view


def _answer(event: Event, path: str, service: Service, *, trusting: bool) -> Response:
    try:
        identify = actor_in(event) if trusting else None
        return service.dispatch()(request_of(event, path), identify)
    except ReflektError as error:
        return _told(error, error, event)
    except Exception as error:  # noqa: BLE001 - Chalice would log it with the text it may hold
        failure = InternalError("Reflekt failed; the request id finds it in the log")
        return _told(failure, error, event)


def _told(error: ReflektError, cause: Exception, event: Event) -> Response:
    request_id = request_id_of(event)
    log_failure(cause, request_id=request_id)
    response = problem(error, request_id)
    headers = {"Cache-Control": "no-store", "X-Request-Id": request_id, **response.headers}
    return Response(response.status, headers, response.body)


def _as_sent(app: Chalice, view: View) -> Callable[..., Any]:
    """Return the middleware that lets nothing be answered in Chalice's words instead of ours."""

    def as_sent(request: ChaliceRequest | None, get_response: Callable[..., Any]) -> Any:
        if request is None:  # no event of API Gateway
            return get_response(request)
        if request.method not in app.routes.get(request.path, {}):
            return view(request.to_original_event(), request.path)
        if "accept" not in request.headers:
            # Who names nothing takes anything (RFC 9110, section 12.5.1); Chalice refuses bytes.
            request.headers = CaseInsensitiveMapping({**request.headers, "accept": ANY_TYPE})
        return get_response(request)

    return as_sent


def _register_authorizer(app: Chalice, service: Service) -> ChaliceAuthorizer:
    authorizer = create_authorizer(service)

    def authorise(request: AuthRequest) -> dict[str, Any]:
        event = {
            "type": request.auth_type,
            "authorizationToken": request.token,
            "methodArn": request.method_arn,
        }
        try:
            return authorizer(event)
        except Refused:
            # Only `chalice local` asks here; an exception would end its connection.
            return DENIED

    registered = app.authorizer(ttl_seconds=AUTHORIZER_SECONDS, name="authorizer")(authorise)
    if not isinstance(registered, ChaliceAuthorizer):
        raise TypeError("Chalice did not register the authorizer")
    return registered
