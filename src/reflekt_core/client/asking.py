"""What an operation and its arguments are as a request. Nothing here sends anything."""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from inspect import Parameter, Signature
from typing import Any, Final, get_type_hints
from urllib.parse import quote, urlencode
from uuid import UUID, uuid4

import attrs

from reflekt_core.errors import InvalidInput, MalformedInput
from reflekt_core.model.fields import explain, given, wire_name
from reflekt_core.model.paging import Page, PageSize, Position
from reflekt_core.operations import PATH_PARAMETERS, Operation, Shape
from reflekt_core.serialization import wire

__all__ = ["Asked", "asked", "signature"]

_ANY_VERSION: Final = -1
_LONGEST_TARGET: Final = 60_000
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_SAFE: Final = frozenset({"GET", "PUT", "DELETE"})
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


@attrs.frozen
class Asked:
    """
    A request, to be sent as often as it takes.

    `target` is path and query. `repeatable`: sending it twice does no more than sending it once.
    """

    operation: Operation
    target: str = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes | None = attrs.field(repr=False)
    repeatable: bool


def asked(operation: Operation, arguments: Mapping[str, Any]) -> Asked:
    """
    Return the request for *operation* with *arguments*, which are named as in Python.

    Raises:
        InvalidInput: Names every argument that is not allowed.
        MalformedInput: A position is not one that this API gave, or all of it is too long to ask.
    """
    headers, own = _headers(operation, arguments)
    pairs = [*_pairs(_checked(operation.query, arguments)), *_paging(operation, arguments)]
    target = _path(operation, arguments) + (f"?{urlencode(pairs)}" if pairs else "")
    if len(target) > _LONGEST_TARGET:
        raise MalformedInput("this asks for more than fits into an address: ask for less")
    body = None
    if operation.body is not None:
        body = _encode(_plain(_checked(operation.body, arguments))).encode()
        kind = "merge-patch+json" if operation.merge_patch else "json"
        headers["Content-Type"] = f"application/{kind}"
    return Asked(operation, target, headers, body, own or operation.method in _SAFE)


def _headers(operation: Operation, arguments: Mapping[str, Any]) -> tuple[dict[str, str], bool]:
    """Return the headers, and whether a key makes the request one that counts once."""
    headers = {}
    if operation.repeatable:
        headers["Idempotency-Key"] = _key(arguments.get("idempotency_key"))
    version = arguments.get("if_version")
    if version is not None:
        headers["If-Match"] = "*" if version == _ANY_VERSION else f'"{int(version)}"'
    return headers, operation.repeatable


def _key(wanted: str | None) -> str:
    key = str(uuid4()) if wanted is None else wanted
    if not _KEY.fullmatch(key):
        raise InvalidInput.field("idempotency_key", "must be 1 to 255 visible ASCII characters")
    return key


def _path(operation: Operation, arguments: Mapping[str, Any]) -> str:
    before, _, rest = operation.path.partition("{")
    name, _, after = rest.partition("}")
    if not name:
        return before
    value = arguments[name]
    if PATH_PARAMETERS[name] is UUID and not isinstance(value, UUID):
        raise InvalidInput.field(name, explain(UUID))
    return f"{before}{_segment(str(value))}{after}"


def _segment(text: str) -> str:
    # A path of dots would be taken for a step up.
    quoted = quote(text, safe="", errors="replace")
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E")


def _checked(cls: type[attrs.AttrsInstance] | None, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of *arguments* that are fields of *cls*, if it takes them."""
    found = {
        name: tuple(value) if isinstance(value, list) else value
        for name in _names(cls)
        if (value := arguments.get(name, attrs.NOTHING)) is not attrs.NOTHING
    }
    return found if cls is None else _fields(cls(**found), found)


def _fields(value: attrs.AttrsInstance, names: Iterable[str]) -> dict[str, Any]:
    told = given(value)
    return {name: told[name] for name in names if name in told}


def _plain(value: Any) -> Any:
    """Return *value* as plain data; of a patch, what it mentions."""
    if attrs.has(type(value)):
        value = given(value)
    if isinstance(value, dict):
        return {wire_name(name): _plain(held) for name, held in value.items()}
    return wire(value)


def _pairs(fields: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for name, value in fields.items():
        for one in value if isinstance(value, tuple) else (value,):
            if one is not None:
                yield wire_name(name), _word(wire(one))


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _paging(operation: Operation, arguments: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    if operation.cursor is None:
        return
    if "limit" in arguments:
        yield "limit", str(PageSize(arguments["limit"]).limit)
    position = arguments.get(_position(operation))
    if position is not None:
        yield operation.cursor, _cursor(position)


def _cursor(position: Position) -> str:
    match position:
        case (str() as cursor,):
            return cursor
        case _:
            raise MalformedInput("the position is none of this API's: begin again without it")


def _position(operation: Operation) -> str:
    """Return the name of the argument that says where a list goes on."""
    return "since" if operation.cursor == "since" else "after"


@cache
def _names(cls: type[attrs.AttrsInstance] | None) -> tuple[str, ...]:
    return () if cls is None else tuple(a.name for a in attrs.fields(cls))


@cache
def signature(operation: Operation) -> Signature:
    """Return the signature of the method that *operation* is."""
    return Signature(
        [
            *_required(operation),
            *_optional(operation),
            *(Parameter(name, Parameter.KEYWORD_ONLY, default=d) for name, d in _extra(operation)),
        ],
        return_annotation=_returned(operation),
    )


def _required(operation: Operation) -> Iterable[Parameter]:
    name = operation.path.partition("{")[2].partition("}")[0]
    if name:
        yield Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, annotation=PATH_PARAMETERS[name])
    for name, default, annotation in _all_fields(operation):
        if default is attrs.NOTHING:
            yield Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, annotation=annotation)


def _optional(operation: Operation) -> Iterable[Parameter]:
    # What one thing is asked for by may be said in order; filters and fields are named.
    in_order = operation.query is not None and operation.shape is Shape.ONE
    kind = Parameter.POSITIONAL_OR_KEYWORD if in_order else Parameter.KEYWORD_ONLY
    for name, default, annotation in _all_fields(operation):
        if default is not attrs.NOTHING:
            yield Parameter(name, kind, default=default, annotation=annotation)


def _all_fields(operation: Operation) -> Iterable[tuple[str, Any, Any]]:
    for cls in (operation.query, operation.body):
        types = {} if cls is None else get_type_hints(cls)
        for field in () if cls is None else attrs.fields(cls):
            yield field.name, field.default, types[field.name]


def _extra(operation: Operation) -> Iterable[tuple[str, Any]]:
    if operation.cursor is not None:
        yield _position(operation), None
        yield "limit", 20
    if operation.repeatable:
        yield "idempotency_key", None
    if operation.precondition:
        yield "if_version", None


def _returned(operation: Operation) -> Any:
    if operation.shape in {Shape.PAGE, Shape.LIST, Shape.LINES}:
        return Page[operation.result]  # type: ignore[name-defined]  # known when it runs
    return operation.result
