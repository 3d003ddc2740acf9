"""Amazon's API Gateway (REST, version 1) before a Chalice app: events as it builds them."""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import count
from typing import Any
from urllib.parse import quote, unquote_plus

from chalice.app import Chalice

from reflekt_core.errors import Unauthenticated
from reflekt_core.rest.cors import Cors
from reflekt_core.rest.messages import Request, Response
from reflekt_core.rest.problems import problem

STAGE = "prod"
API = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5"

Authorise = Callable[[dict[str, Any], Any], dict[str, Any]]


class Gateway:
    """
    Carries requests to *app*, whose routes are its resources.

    Args:
        app: What answers the events.
        base: What stands in the address before the resource: ``/prod``, the stage, at the address
            that AWS gives; nothing, or a base path, under a domain of one's own.
        authorise: The authorizer's handler, for the routes that have one.
        origins: Whose pages may call: what its own answers say.
    """

    def __init__(
        self,
        app: Chalice,
        *,
        base: str = f"/{STAGE}",
        authorise: Authorise | None = None,
        origins: tuple[str, ...] = (),
    ) -> None:
        self.app = app
        self.base = base
        self.authorise = authorise
        self.cors = Cors(origins)
        self.kept: dict[str, dict[str, Any]] = {}
        self.numbers = count(1)

    def __call__(self, request: Request) -> Response:
        """Return what the app answers, as a client reads it who asks relative to the base."""
        event = self.event(request)
        if self.authorise and self._route(event).authorizer:
            said = self._authorised(event)
            if said is None:
                return self._refused(event, request)
            event["requestContext"]["authorizer"] = said
        # Lambda takes and gives JSON, and nothing else.
        answer = json.loads(json.dumps(self.app(json.loads(json.dumps(event)), None)))
        return self._relative(_response(answer))

    def event(self, request: Request) -> dict[str, Any]:
        """Return the event of *request*."""
        path = quote(request.path, safe="/~!$&'()*+,;=:@", errors="surrogateescape")
        resource, parameters = self.resource(path)
        assert isinstance(request.query, str)
        query = _query(request.query)
        headers = {_cased(name): [value] for name, value in request.headers.items()}
        body = request.body or b""
        binary = "*/*" in self.app.api.binary_types
        return {
            "resource": resource,
            "path": path,
            "httpMethod": request.method,
            "headers": {name: values[-1] for name, values in headers.items()} or None,
            "multiValueHeaders": headers or None,
            "queryStringParameters": {n: values[-1] for n, values in query.items()} or None,
            "multiValueQueryStringParameters": query or None,
            "pathParameters": parameters or None,
            "stageVariables": None,
            "requestContext": {
                "resourceId": "x1y2z3",
                "resourcePath": resource,
                "httpMethod": request.method,
                "path": f"{self.base}{path}",
                "accountId": "123456789012",
                "apiId": "a1b2c3d4e5",
                "protocol": "HTTP/1.1",
                "stage": STAGE,
                "requestId": f"00000000-0000-4000-8000-{next(self.numbers):012}",
                "identity": {"sourceIp": "203.0.113.7", "userAgent": "test"},
            },
            "body": _body(body, binary=binary) if body else None,
            "isBase64Encoded": bool(body) and binary,
        }

    def resource(self, path: str) -> tuple[str, dict[str, str]]:
        """
        Return the resource that *path* means, and the parameters in it, as they were sent.

        Of several the one with the fewest parameters, and of those the least greedy. A slash at the
        end makes no difference.
        """
        asked = path[:-1] if path.endswith("/") and path != "/" else path
        for template in sorted(self.app.routes, key=_greed):
            found = re.fullmatch(_pattern(template), asked)
            if found:
                return template, found.groupdict()
        raise AssertionError(f"{path}: API Gateway knows no such resource")

    def _route(self, event: dict[str, Any]) -> Any:
        methods = self.app.routes[event["resource"]]
        # A method that it does not know never gets through; should one, an app must not break.
        return methods.get(event["httpMethod"]) or methods["OPTIONS"]

    def _authorised(self, event: dict[str, Any]) -> dict[str, Any] | None:
        header = next((v for n, v in (event["headers"] or {}).items() if n == "Authorization"), "")
        arn = method_arn(event["httpMethod"], event["path"])
        if not header:
            return None
        if header not in self.kept:
            assert self.authorise is not None
            asked = {"type": "TOKEN", "authorizationToken": header, "methodArn": arn}
            try:
                self.kept[header] = self.authorise(asked, None)
            except Exception as error:
                if str(error) == "Unauthorized":
                    return None
                raise
        policy = self.kept[header]
        assert allows(policy, arn)
        return {"principalId": policy["principalId"], "integrationLatency": 7, **policy["context"]}

    def _refused(self, event: dict[str, Any], request: Request) -> Response:
        """Return what the template of the service makes API Gateway say itself."""
        request_id = event["requestContext"]["requestId"]
        response = problem(Unauthenticated("a good token is needed"), request_id)
        headers = {"X-Request-Id": request_id, **self.cors.headers(request.headers)}
        return Response(response.status, {**response.headers, **headers}, response.body)

    def _relative(self, response: Response) -> Response:
        headers = dict(response.headers)
        for name, mark in (("Location", ""), ("Link", "<")):
            if headers.get(name, "").startswith(f"{mark}/"):
                start = f"{mark}{self.base}"
                assert headers[name].startswith(start), headers[name]
                headers[name] = mark + headers[name].removeprefix(start)
        return Response(response.status, headers, response.body)


def method_arn(method: str, path: str) -> str:
    """Return what an authorizer is told of where a request goes."""
    return f"{API}/{STAGE}/{method}{path}"


def allows(policy: Mapping[str, Any], arn: str) -> bool:
    """Tell whether *policy* lets a call of *arn* pass."""
    (statement,) = policy["policyDocument"]["Statement"]
    assert (statement["Action"], statement["Effect"]) == ("execute-api:Invoke", "Allow")
    return any(fnmatchcase(arn, resource) for resource in statement["Resource"])


def _pattern(template: str) -> str:
    parts = re.split(r"\{(\w+\+?)\}", template)
    return "".join(
        re.escape(part)
        if n % 2 == 0
        else f"(?P<{part.rstrip('+')}>{'.+' if part.endswith('+') else '[^/]+'})"
        for n, part in enumerate(parts)
    )


def _greed(template: str) -> tuple[int, int, int]:
    return template.count("+}"), template.count("{"), -len(template)


def _cased(name: str) -> str:
    return name.title()


def _query(text: str) -> dict[str, list[str]]:
    """Return the parameters, decoded. What is no escape stays as it is."""
    found: dict[str, list[str]] = {}
    for name, value in _parts(text):
        found.setdefault(name, []).append(value)
    return found


def _parts(text: str) -> Iterator[tuple[str, str]]:
    for part in filter(None, text.split("&")):
        name, _, value = part.partition("=")
        yield (
            unquote_plus(name, errors="surrogateescape"),
            unquote_plus(value, errors="surrogateescape"),
        )


def _body(body: bytes, *, binary: bool) -> str:
    return base64.b64encode(body).decode() if binary else body.decode(errors="replace")


def _response(answer: dict[str, Any]) -> Response:
    body = answer["body"]
    assert isinstance(body, str)
    several = {name: ", ".join(values) for name, values in answer["multiValueHeaders"].items()}
    assert all(isinstance(value, str) for value in answer["headers"].values())
    decoded = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    return Response(answer["statusCode"], {**answer["headers"], **several}, decoded)
