"""Controls of the API: who may call what, what is checked, logged and answered."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from reflekt_chalice.functions import FUNCTIONS, operations_of
from reflekt_core.operations import OPERATIONS
from reflekt_core.rest.openapi import document

from .template_control import (
    ANSWERING,
    API,
    METHODS,
    REST,
    Control,
    Found,
    Template,
    at,
    each,
    ids,
    plain,
    properties,
    put,
)


@cache
def described() -> Any:
    """Return the OpenAPI document, made once."""
    return document()


# The API


def body_of(template: Template) -> Any:
    """Return the document of the API."""
    return properties(template, "RestAPI")["DefinitionBody"]


BODY = ("Resources", "RestAPI", "Properties", "DefinitionBody")
INTEGRATION = "x-amazon-apigateway-integration"
VALIDATOR = "x-amazon-apigateway-request-validator"
RESPONSES = "x-amazon-apigateway-gateway-responses"


def written(path: str) -> str:
    """Return *path* as Chalice writes it."""
    return path.replace("{tag}", "{tag+}")


def owner(path: str) -> str:
    """Return which function should answer on *path*."""
    for name in ANSWERING:
        if any(written(one.path) == path for one in operations_of([name])):
            return name
    (documentation,) = (name for name, function in FUNCTIONS.items() if function.documentation)
    return documentation


def integrations() -> Control:
    """Return the control that each path is sent to its function."""

    def uri(name: str) -> Any:
        start = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions"
        return {"Fn::Sub": f"{start}/${{{plain(name)}.Arn}}/invocations"}

    def wrong(template: Template) -> Found:
        paths = body_of(template)["paths"]
        wanted = {written(operation.path) for operation in OPERATIONS} | REST
        yield from wanted ^ paths.keys()
        for path, methods in paths.items():
            for method, one in methods.items():
                if one[INTEGRATION]["uri"] != uri(owner(path)):
                    yield f"{method} {path}"
            if len(methods) != METHODS:
                yield path

    def without(template: Template) -> Iterator[Template]:
        for path, methods in body_of(template)["paths"].items():
            other = "account" if owner(path) != "account" else "entries"
            for method in methods:
                yield put(template, (*BODY, "paths", path, method, INTEGRATION, "uri"), uri(other))
            yield put(template, (*BODY, "paths", path), None)

    return Control(wrong, without)


def _closed() -> set[tuple[str, str]]:
    found = {(written(o.path), o.method.lower()) for o in OPERATIONS if not o.public}
    return found | {(path, "head") for path, method in found if method == "get"}


def authorized() -> Control:
    """Return the control that every operation but the public ones asks who is there."""

    def wrong(template: Template) -> Found:
        paths = body_of(template)["paths"]
        for path, method in _closed():
            if at(paths, (path, method, "security")) != [{"authorizer": []}]:
                yield f"{method} {path}"
        if "authorizer" not in body_of(template).get("securityDefinitions", {}):
            yield "authorizer"

    def without(template: Template) -> Iterator[Template]:
        for path, method in _closed():
            yield put(template, (*BODY, "paths", path, method, "security"), None)
        yield put(template, (*BODY, "securityDefinitions", "authorizer"), None)

    return Control(wrong, without)


AUTHORIZER = ("securityDefinitions", "authorizer", "x-amazon-apigateway-authorizer")


def api(*path: str | int, be: Any) -> Control:
    """Return the control that the API has what it should at *path*."""
    return each(API, "Properties", *path, be=be)


def log_format(_: str, value: Any) -> bool:
    """Whether an access log notes what it should, and nothing that belongs to somebody."""
    noted = json.loads(value) if isinstance(value, str) else {}
    variables = set(noted.values())
    wanted = {
        "$context.requestId",
        "$context.resourcePath",
        "$context.status",
        "$context.responseLatency",
    }
    # Of these, some hold a path, others an address, a header or what a client sent.
    harmless = wanted | {
        "$context.requestTime",
        "$context.httpMethod",
        "$context.integrationLatency",
        "$context.error.responseType",
        "$context.tlsVersion",
    }
    return wanted <= variables <= harmless


def noting(variable: str) -> Control:
    """Return the control that access logs do not note *variable*, which is let in to see."""
    path = ("Properties", "AccessLogSetting", "Format")

    def without(template: Template) -> Iterator[Template]:
        noted = json.loads(at(template["Resources"]["RestAPI"], path))
        changed = json.dumps(noted | {"more": variable})
        yield put(template, ("Resources", "RestAPI", *path), changed)

    return Control(each(API, *path, be=log_format).wrong, without)


def _operation_schemas() -> Iterator[tuple[str, str, Any]]:
    for path, methods in described()["paths"].items():
        for method, operation in methods.items():
            yield written(path), method, operation


VALIDATORS = "x-amazon-apigateway-request-validators"


def _validating(body: Any) -> Found:
    if body.get(VALIDATOR) != "parameters":
        yield "default"
    if not at(body, (VALIDATORS, "parameters", "validateRequestParameters")):
        yield "parameters"
    checks = at(body, (VALIDATORS, "all", "validateRequestBody"))
    if checks != {"Fn::If": ["ValidatesBodies", True, False]}:
        yield "bodies"


def validators() -> Control:
    """Return the control that requests are checked: parameters always, bodies where it is wanted."""

    def wrong(template: Template) -> Found:
        body = body_of(template)
        yield from _validating(body)
        for path, method, operation in _operation_schemas():
            if not _is_checked(body["paths"][path][method], operation, body["definitions"]):
                yield f"{method} {path}"

    def without(template: Template) -> Iterator[Template]:
        yield put(template, (*BODY, VALIDATOR), None)
        for path in (("parameters", "validateRequestParameters"), ("all", "validateRequestBody")):
            yield put(template, (*BODY, VALIDATORS, *path), None)
        for path_, method, operation in _operation_schemas():
            place = (*BODY, "paths", path_, method)
            keys = (VALIDATOR, "consumes", "parameters") if "requestBody" in operation else ()
            for key in keys or ("parameters",) * bool(_required(operation)):
                yield put(template, (*place, key), None)

    return Control(wrong, without)


def _required(operation: Mapping[str, Any]) -> set[str]:
    found = operation.get("parameters", ())
    return {p["name"] for p in found if p["in"] == "query" and p["required"]}


def _is_checked(made: Any, operation: Any, models: Any) -> bool:
    parameters = made.get("parameters", ())
    if {p["name"] for p in parameters if p["in"] == "query" and p["required"]} != _required(
        operation
    ):
        return False
    content = operation.get("requestBody", {}).get("content")
    if not content:
        return not any(p["in"] == "body" for p in parameters)
    model = next(iter(content.values()))["schema"]["$ref"].rpartition("/")[2]
    bodies = [p["schema"]["$ref"] for p in parameters if p["in"] == "body"]
    return (
        bodies == [f"#/definitions/{model}"]
        and model in models
        and made.get("consumes") == list(content)
        and made.get(VALIDATOR) == "all"
    )


OCCASIONS = {
    "ACCESS_DENIED": 403,
    "API_CONFIGURATION_ERROR": 500,
    "AUTHORIZER_CONFIGURATION_ERROR": 503,
    "AUTHORIZER_FAILURE": 503,
    "BAD_REQUEST_BODY": 422,
    "BAD_REQUEST_PARAMETERS": 400,
    "DEFAULT_4XX": 400,
    "DEFAULT_5XX": 500,
    "EXPIRED_TOKEN": 401,
    "INTEGRATION_FAILURE": 503,
    "INTEGRATION_TIMEOUT": 503,
    "INVALID_API_KEY": 403,
    "INVALID_SIGNATURE": 401,
    "MISSING_AUTHENTICATION_TOKEN": 404,
    "QUOTA_EXCEEDED": 429,
    "REQUEST_TOO_LARGE": 413,
    "RESOURCE_NOT_FOUND": 404,
    "THROTTLED": 429,
    "UNAUTHORIZED": 401,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "WAF_FILTERED": 403,
}
HEADER = "gatewayresponse.header."
CORS = {"Fn::If": ["HasCors", "'*'", {"Ref": "AWS::NoValue"}]}


def gateway_answers() -> Control:
    """Return the control that API Gateway's own answers are problem documents, readable by pages."""

    def wrong(template: Template) -> Found:
        answers = body_of(template).get(RESPONSES, {})
        for occasion, status in OCCASIONS.items():
            answer = answers.get(occasion)
            if answer is None or not _is_problem(answer, status):
                yield occasion

    def without(template: Template) -> Iterator[Template]:
        for occasion in OCCASIONS:
            place = (*BODY, RESPONSES, occasion)
            yield put(template, place, None)
            yield put(template, (*place, "statusCode"), "418")
            yield put(template, (*place, "responseTemplates"), {})
            for name in ("Content-Type", "Access-Control-Allow-Origin"):
                yield put(template, (*place, "responseParameters", HEADER + name), None)

    return Control(wrong, without)


def _is_problem(answer: Any, status: int) -> bool:
    headers = answer["responseParameters"]
    told = json.loads(answer["responseTemplates"].get("application/json", "{}"))
    return (
        answer["statusCode"] == str(status)
        and headers.get(HEADER + "Content-Type") == "'application/problem+json'"
        and headers.get(HEADER + "Access-Control-Allow-Origin") == CORS
        and told.keys() == {"type", "title", "status", "detail", "code", "request_id"}
        and told["status"] == status
        and told["request_id"] == "$context.requestId"
        and (status not in {429, 503} or HEADER + "Retry-After" in headers)
        and (status != 401 or HEADER + "WWW-Authenticate" in headers)
    )


def invocations() -> Control:
    """Return the control that each function is called by whom it should be, and by nobody else."""

    def expected() -> dict[str, tuple[str, Any]]:
        start = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${RestAPI}"
        gateway = "apigateway.amazonaws.com"
        found: dict[str, tuple[str, Any]] = {
            f"{plain(name)}ApiPermission": (gateway, {"Fn::Sub": f"{start}/${{Stage}}/*"})
            for name in ANSWERING
        }
        found["AuthorizerApiPermission"] = (gateway, {"Fn::Sub": f"{start}/authorizers/*"})
        for name, function in FUNCTIONS.items():
            for end, wanted in (("Events", function.events), ("Clock", function.every_minutes)):
                if wanted:
                    arn = {"Fn::GetAtt": [f"{plain(name)}{end}", "Arn"]}
                    found[f"{plain(name)}{end}Permission"] = ("events.amazonaws.com", arn)
        return found

    def wrong(template: Template) -> Found:
        wanted = expected()
        yield from wanted.keys() ^ set(ids(template, "AWS::Lambda::Permission"))
        for id, (principal, source) in wanted.items():
            made = properties(template, id)
            name = re.sub("(Api|Events|Clock)Permission$", "", id)
            told = (made.get("Principal"), made.get("SourceArn"), made.get("FunctionName"))
            if told != (principal, source, {"Ref": name}):
                yield id

    def without(template: Template) -> Iterator[Template]:
        for id in ids(template, "AWS::Lambda::Permission"):
            yield put(template, ("Resources", id), None)
            yield put(template, ("Resources", id, "Properties", "SourceArn"), None)
            yield put(template, ("Resources", id, "Properties", "Principal"), "*")

    return Control(wrong, without)
