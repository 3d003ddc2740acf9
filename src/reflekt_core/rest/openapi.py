"""The OpenAPI 3.1 document, derived from the operations and their types."""

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any, Final

from reflekt_core.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    MalformedInput,
    NotFound,
    RateLimited,
    ReflektError,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from reflekt_core.model.entries import Entry, Tombstone
from reflekt_core.model.fields import wire_name
from reflekt_core.model.insights import InsightState, InsightStatus
from reflekt_core.model.jobs import Job
from reflekt_core.model.paging import Limit
from reflekt_core.operations import OPERATIONS, PATH_PARAMETERS, Operation, Shape
from reflekt_core.rest.answers import JSON, NDJSON, versioned
from reflekt_core.rest.inputs import DEFAULT_LIMIT, body_types, path_parameter
from reflekt_core.rest.problems import (
    MEDIA_TYPE,
    InternalError,
    PreconditionFailed,
    UnsupportedMediaType,
    status_of_class,
)
from reflekt_core.rest.schemas import Schemas, example, options, public_fields
from reflekt_core.services.health import installed_version

__all__ = ["document"]

_Plain = dict[str, Any]

_DESCRIPTION: Final = """\
A private journal: entries with mood, tags and categories, search, insights, prompts and analytics.

Every operation but the public ones needs a bearer token. Errors are problem documents (RFC 9457)
with a stable `code`. Lists come in pages: hand `next_cursor` back as `cursor`.
"""

_NOUNS: Final = {
    "health": "Whether the service is up",
    "entries": "Writing, reading, finding and deleting entries",
    "tags": "Tags with counts",
    "categories": "Drawers that entries may lie in",
    "prompts": "Questions and invitations to write",
    "suggestions": "Ways to continue a draft",
    "summaries": "Summaries of periods",
    "analytics": "What a journal adds up to",
    "settings": "What a user can set",
    "jobs": "Work that takes longer than a request",
    "account": "Export and erasure",
    "admin": "Figures for administrators, never content",
    "docs": "This documentation",
}

_HEADERS: Final[dict[str, _Plain]] = {
    "ETag": {
        "description": "The version of the thing, for If-Match and If-None-Match.",
        "schema": {"type": "string", "examples": ['"3"']},
    },
    "Location": {
        "description": "Where the new thing, or the job, can be read.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Link": {
        "description": 'The next page, as `rel="next"`; missing on the last one (RFC 8288).',
        "schema": {"type": "string"},
    },
    "RetryAfter": {
        "description": "How many seconds to wait before the next try.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "RequestId": {
        "description": "The request's id: the one sent as X-Request-Id, or a new one.",
        "schema": {"type": "string"},
    },
    "Challenge": {
        "description": "How to authenticate (RFC 6750).",
        "schema": {"type": "string"},
    },
}

_ERRORS: Final[dict[type[ReflektError], str]] = {
    MalformedInput: "A parameter, a header or the JSON cannot be read.",
    Unauthenticated: "There is no token, or it is not accepted.",
    Forbidden: "The token lacks the permission that this needs.",
    NotFound: "There is no such thing for this user.",
    Conflict: "The present state rules this out, or somebody else wrote first.",
    PreconditionFailed: "If-Match names a version that is not the present one.",
    TooLarge: "The body is larger than 256 KiB.",
    UnsupportedMediaType: "The body is of a kind that is not read here.",
    InvalidInput: "The body can be read but is not allowed; `errors` names every bad field.",
    RateLimited: "Too many requests; see Retry-After.",
    InternalError: "Reflekt failed; the request id finds the log line.",
    Unavailable: "Something that is needed is busy or away; see Retry-After.",
}
_RETRIED: Final = (RateLimited, Unavailable)

_PROBLEM: Final[_Plain] = {
    "type": "object",
    "description": "A problem document (RFC 9457).",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "What happened; never renamed."},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "Each bad field or parameter.",
            "items": {
                "type": "object",
                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
                "required": ["path", "message"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "additionalProperties": False,
}


def document() -> _Plain:
    """
    Return the OpenAPI document of all operations, as plain data.

    The server's address is relative to the document's own, so it holds wherever that is mounted.
    """
    schemas = Schemas()
    paths: dict[str, _Plain] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(
            operation, schemas
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Reflekt",
            "version": installed_version(),
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "./"}],
        "tags": [{"name": name, "description": said} for name, said in _NOUNS.items()],
        "paths": paths | _documentation(),
        "security": [{"bearer": []}],
        "components": {
            "schemas": {**schemas.components, "Problem": _PROBLEM},
            "responses": {cls.__name__: _problem(cls, said) for cls, said in _ERRORS.items()},
            "headers": _HEADERS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def _operation(operation: Operation, schemas: Schemas) -> _Plain:
    permission = operation.permission and operation.permission.value
    said = f"Needs the permission `{permission}`." if permission else None
    found = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": said or ("Public." if operation.public else "For every user."),
        "parameters": list(_parameters(operation, schemas)),
        "responses": _successes(operation, schemas) | _errors(operation),
    }
    if operation.public:
        found["security"] = []
    if permission:
        found["x-permission"] = permission
    if operation.body is not None:
        found["requestBody"] = _body(operation, schemas)
    return found


def _parameters(operation: Operation, schemas: Schemas) -> Iterator[_Plain]:
    if name := path_parameter(operation):
        schema = schemas.of(PATH_PARAMETERS[name], incoming=True)
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    if operation.query is not None:
        yield from _query(operation.query, schemas)
    if operation.cursor is not None:
        limit = schemas.of(Limit, incoming=True) | {"default": DEFAULT_LIMIT}
        yield _parameter("limit", limit, "How many items a page may hold.")
        said = "Where to go on: the cursor of the answer before."
        yield _parameter(operation.cursor, {"type": "string"}, said)
    if operation.precondition:
        said = 'The ETag of the version to replace, such as `"3"`; or `*` for any.'
        schema = {"type": "string", "pattern": r'^(\*|(W/)?"[!#-~]*")$'}
        yield _parameter("If-Match", schema, said, place="header")
    if operation.repeatable:
        said = "Makes a repeated request count once."
        schema = {"type": "string", "pattern": "^[!-~]{1,255}$"}
        yield _parameter("Idempotency-Key", schema, said, place="header")


def _query(cls: type, schemas: Schemas) -> Iterator[_Plain]:
    # A class of its own per query: its properties, taken apart, are the parameters.
    shown = Schemas()
    shown.of(cls, incoming=True)
    described = shown.components[cls.__name__]
    for a, tp in public_fields(cls):
        schemas.of(tp, incoming=True)  # the enumerations that it refers to
        name = wire_name(a.name)
        schema = dict(described["properties"][name])
        # A parameter is left out or has a value; it cannot be null.
        if isinstance(schema.get("type"), list):
            schema["type"] = schema["type"][0]
        if "anyOf" in schema:
            schema["anyOf"] = [s for s in schema["anyOf"] if s != {"type": "null"}]
        said = schema.pop("description", None)
        yield _parameter(name, schema, said, required=name in described.get("required", ()))


def _parameter(
    name: str, schema: _Plain, said: str | None, *, place: str = "query", required: bool = False
) -> _Plain:
    found: _Plain = {"name": name, "in": place, "required": required, "schema": schema}
    return found | {"description": said} if said else found


def _body(operation: Operation, schemas: Schemas) -> _Plain:
    media = {
        "schema": schemas.of(operation.body, incoming=True),
        "examples": {"example": {"value": example(operation.body)}},
    }
    return {"required": True, "content": dict.fromkeys(body_types(operation), media)}


def _successes(operation: Operation, schemas: Schemas) -> dict[str, _Plain]:
    if operation.shape is Shape.NOTHING:
        return {"204": {"description": "Done.", "headers": _links("X-Request-Id")}}
    statuses = [operation.status]
    if operation.creates:
        statuses = [200, 201]
    if operation.waits:
        statuses = [200, 202]
    found = {str(status): _success(operation, status, schemas) for status in statuses}
    if versioned(operation) and operation.method == "GET":
        said = "If-None-Match names the present version."
        found["304"] = {"description": said, "headers": _links("ETag", "X-Request-Id")}
    return found


def _success(operation: Operation, status: int, schemas: Schemas) -> _Plain:
    media_type = NDJSON if operation.shape is Shape.LINES else JSON
    media = {"schema": _result(operation, schemas), "examples": _examples(operation)}
    if operation.waits:
        media = _insight(operation, status, schemas)
    names = ["X-Request-Id"]
    if versioned(operation):
        names.append("ETag")
    if operation.shape is Shape.LINES:
        names.append("Link")
    if status == HTTPStatus.CREATED or (operation.result is Job and operation.method != "GET"):
        names.append("Location")
    if status == HTTPStatus.ACCEPTED:
        names.append("Retry-After")
    return {
        "description": HTTPStatus(status).phrase,
        "headers": _links(*names),
        "content": {media_type: media},
    }


def _insight(operation: Operation, status: int, schemas: Schemas) -> _Plain:
    """Return what is sent: that the insight is pending with 202, all else with 200."""
    pending = {"status": InsightStatus.PENDING.value}
    if status == HTTPStatus.ACCEPTED:
        schema = schemas.of(InsightState, incoming=False)
        return {"schema": schema, "examples": {"pending": {"value": pending}}}
    shown = _examples(operation) | {"InsightState": {"value": {"status": InsightStatus.OFF.value}}}
    return {"schema": _result(operation, schemas), "examples": shown}


def _links(*names: str) -> _Plain:
    keys = {"X-Request-Id": "RequestId", "Retry-After": "RetryAfter"}
    keys["WWW-Authenticate"] = "Challenge"
    return {name: {"$ref": f"#/components/headers/{keys.get(name, name)}"} for name in names}


def _result(operation: Operation, schemas: Schemas) -> _Plain:
    if operation.shape is Shape.CHANGES:
        return _changes(schemas)
    items = schemas.of(operation.result, incoming=False)
    if operation.shape is Shape.PAGE:
        return _list(items, {"type": ["string", "null"]})
    if operation.shape is Shape.LIST:
        return _list(items, {"type": "null"})
    return items


def _list(items: _Plain, cursor: _Plain) -> _Plain:
    return _object(items={"type": "array", "items": items}, next_cursor=cursor)


def _changes(schemas: Schemas) -> _Plain:
    entry = _object(entry=schemas.of(Entry, incoming=False))
    gone = schemas.of(Tombstone, incoming=False)
    return _object(
        items={"type": "array", "items": {"anyOf": [entry, gone]}},
        cursor={"type": "string"},
        has_more={"type": "boolean"},
    )


def _object(**properties: _Plain) -> _Plain:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _examples(operation: Operation) -> _Plain:
    if operation.shape is Shape.CHANGES:
        items = [{"entry": example(Entry)}, example(Tombstone)]
        return {"example": {"value": {"items": items, "cursor": "WzQyXQ", "has_more": False}}}
    shown = {tp.__name__: example(tp) for tp in options(operation.result)}
    if operation.shape in (Shape.PAGE, Shape.LIST):
        shown = {name: {"items": [item], "next_cursor": None} for name, item in shown.items()}
    return {name: {"value": value} for name, value in shown.items()}


def _errors(operation: Operation) -> dict[str, _Plain]:
    return {
        str(int(status_of_class(cls))): {"$ref": f"#/components/responses/{cls.__name__}"}
        for cls in sorted(_raised(operation), key=status_of_class)
    }


def _raised(operation: Operation) -> Iterable[type[ReflektError]]:
    yield from (MalformedInput, InternalError, Unavailable)
    if not operation.public:
        yield from (Unauthenticated, RateLimited, Conflict)
    if operation.permission is not None:
        yield Forbidden
    if path_parameter(operation) is not None:
        yield NotFound
    if operation.method != "GET":
        yield TooLarge
    if operation.precondition:
        yield PreconditionFailed
    if operation.body is not None:
        yield UnsupportedMediaType
    if operation.body is not None or operation.repeatable:
        yield InvalidInput


def _problem(cls: type[ReflektError], said: str) -> _Plain:
    status = status_of_class(cls)
    shown = {
        "type": f"urn:reflekt:problem:{cls.code.replace('_', '-')}",
        "title": status.phrase,
        "status": int(status),
        "detail": said,
        "code": cls.code,
        "request_id": "3f2504e04f8911d39a0c0305e82c3301",
    }
    if cls is InvalidInput:
        shown["errors"] = [{"path": "mood", "message": "must be from 1 to 5"}]
    names = ["X-Request-Id"]
    if cls is Unauthenticated:
        names.append("WWW-Authenticate")
    if cls in _RETRIED:
        names.append("Retry-After")
    schema = {"$ref": "#/components/schemas/Problem"}
    media = {"schema": schema, "examples": {"example": {"value": shown}}}
    return {"description": said, "headers": _links(*names), "content": {MEDIA_TYPE: media}}


def _documentation() -> dict[str, _Plain]:
    openapi = {"schema": {"type": "object"}}
    page = {"schema": {"type": "string"}}
    return {
        "/openapi.json": {"get": _page("docs.openapi", "Read this document", {JSON: openapi})},
        "/api-docs": {"get": _page("docs.page", "See this document", {"text/html": page})},
    }


def _page(id: str, summary: str, content: _Plain) -> _Plain:
    headers = _links("ETag", "X-Request-Id")
    return {
        "operationId": id,
        "tags": ["docs"],
        "summary": summary,
        "description": "Public.",
        "security": [],
        "responses": {
            "200": {"description": "OK", "headers": headers, "content": content},
            "304": {"description": "If-None-Match names the present one.", "headers": headers},
        },
    }
