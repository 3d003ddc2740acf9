"""What a request says, as the arguments of an operation's method."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

import attrs

from reflekt_core.errors import InvalidInput, MalformedInput, Problem
from reflekt_core.model.fields import given, wire_name
from reflekt_core.model.paging import Limit
from reflekt_core.operations import PATH_PARAMETERS, Operation
from reflekt_core.rest.messages import Request
from reflekt_core.rest.problems import BadParameters, PreconditionFailed, UnsupportedMediaType
from reflekt_core.rest.strict_json import parse
from reflekt_core.serialization import read, read_strings
from reflekt_core.services.context import ANY_VERSION

__all__ = ["DEFAULT_LIMIT", "Inputs", "Said", "body_types", "path_parameter"]

DEFAULT_LIMIT: Final = 20

_JSON: Final = r'\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?'
_ENTITY_TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_VERSION: Final = re.compile(r"0|[1-9][0-9]{0,17}")
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


@attrs.frozen
class Said:
    """
    What a request says, checked.

    `arguments` lack the position that `cursor` stands for. `query` is what the cursor must belong
    to, None if the operation has no query of its own.
    """

    arguments: dict[str, Any]
    query: Any = None
    cursor: str | None = None
    limit: int | None = None


class Inputs:
    """Reads the requests of one operation. What can be worked out beforehand is."""

    def __init__(self, operation: Operation) -> None:
        self._path = path_parameter(operation)
        self._query = operation.query
        self._cursor = operation.cursor
        self._parameters = _parameters(operation)
        self._repeatable = _lists(operation.query)
        self._body = operation.body
        self._merge_patch = operation.merge_patch
        self._fields = _names(operation.body)
        self._types = body_types(operation)
        self._content_type = re.compile(
            "(?:" + "|".join(map(re.escape, self._types)) + ")" + _JSON, re.IGNORECASE
        )
        self._precondition = operation.precondition
        self._key = operation.repeatable
        self._reads = operation.method == "GET"

    def read(self, request: Request, parameter: str | None) -> Said:
        """
        Return what *request* says; *parameter* is the one in its path.

        Raises:
            MalformedInput: A parameter, a header or the body cannot be read.
            InvalidInput: The body can be read, but is not allowed.
            UnsupportedMediaType: The body is not of a kind that the operation reads.
            PreconditionFailed: If-Match names what no version is ever called.
        """
        said = self._said(request, parameter)
        if self._body is not None:
            said.arguments.update(self._read_body(request, self._body))
        if self._key:
            said.arguments["idempotency_key"] = _key(request.headers.get("idempotency-key"))
        if not self._reads and "if-none-match" in request.headers:
            raise MalformedInput("If-None-Match is understood on GET and HEAD only")
        if self._precondition:
            # Last, for what is wrong anyway is told first (RFC 9110, section 13.2.1).
            said.arguments["if_version"] = _if_version(request.headers.get("if-match"))
        return said

    def _said(self, request: Request, parameter: str | None) -> Said:
        arguments: dict[str, Any] = {}
        if self._path is not None:
            arguments[self._path] = _path_value(self._path, parameter)
        if not request.query and self._parameters is _NoParameters:
            return Said(arguments)
        values = self._read_query(request.query)
        if self._cursor is None:
            return Said(arguments | values)
        cursor, limit = values.pop(self._cursor), values.pop("limit")
        query = None if self._query is None else self._query(**values)
        return Said(arguments | values | {"limit": limit}, query, cursor, limit)

    def _read_query(self, query: str | Sequence[tuple[str, str]]) -> dict[str, Any]:
        try:
            return _fields(read_strings(self._by_name(_pairs(query)), self._parameters))
        except InvalidInput as error:
            raise BadParameters(error.problems) from None

    def _by_name(self, pairs: Iterable[tuple[str, str]]) -> Mapping[str, str | list[str]]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in self._repeatable:
                found.setdefault(name, []).append(value)
            elif name in found:
                raise BadParameters((Problem(name, "must be given once only"),))
            else:
                found[name] = value
        return found

    def _read_body(self, request: Request, cls: type[attrs.AttrsInstance]) -> dict[str, Any]:
        if request.body:
            self._check_content_type(request.headers)
        value = read(parse(request.body or b""), cls)
        if self._merge_patch:
            return given(value)
        return {name: getattr(value, name) for name in self._fields}

    def _check_content_type(self, headers: Mapping[str, str]) -> None:
        if headers.get("content-encoding", "identity") != "identity":
            raise UnsupportedMediaType("the body must not be compressed")
        if not self._content_type.fullmatch(headers.get("content-type", "")):
            wanted = " or ".join(self._types)
            raise UnsupportedMediaType(f"the body must be of type {wanted}, in UTF-8")


def body_types(operation: Operation) -> tuple[str, ...]:
    """Return the media types of bodies that *operation* reads, the proper one first."""
    if operation.body is None:
        return ()
    return ("application/merge-patch+json",) * operation.merge_patch + ("application/json",)


def path_parameter(operation: Operation) -> str | None:
    """Return the name of the parameter in the path of *operation*."""
    return operation.path.partition("{")[2].partition("}")[0] or None


@attrs.frozen
class _NoParameters:
    """The parameters of an operation that has none."""


def _parameters(operation: Operation) -> type[attrs.AttrsInstance]:
    """Return the class of everything that the query string of *operation* can say."""
    paging: dict[str, Any] = {}
    if operation.cursor is not None:
        text_or_none: Any = str | None
        paging = {
            "limit": attrs.field(type=Limit, default=DEFAULT_LIMIT, kw_only=True),
            operation.cursor: attrs.field(type=text_or_none, default=None, kw_only=True),
        }
    if not paging and operation.query is None:
        return _NoParameters
    return attrs.make_class("Parameters", _copied(operation.query) | paging, frozen=True)


def _copied(cls: type[attrs.AttrsInstance] | None) -> dict[str, Any]:
    if cls is None:
        return {}
    types = get_type_hints(cls, include_extras=True)
    return {
        a.name: attrs.field(type=types[a.name], default=a.default, kw_only=True)
        for a in attrs.fields(cls)
    }


def _names(cls: type[attrs.AttrsInstance] | None) -> tuple[str, ...]:
    return () if cls is None else tuple(a.name for a in attrs.fields(cls))


def _fields(value: attrs.AttrsInstance) -> dict[str, Any]:
    return {name: getattr(value, name) for name in _names(type(value))}


def _lists(cls: type[attrs.AttrsInstance] | None) -> frozenset[str]:
    if cls is None:
        return frozenset()
    types = get_type_hints(cls, include_extras=True)
    return frozenset(wire_name(name) for name, tp in types.items() if _is_list(tp))


def _is_list(tp: Any) -> bool:
    return get_origin(get_args(tp)[0] if get_origin(tp) is Annotated else tp) is tuple


def _path_value(name: str, value: str | None) -> Any:
    try:
        return read(value, PATH_PARAMETERS[name], where=name)
    except InvalidInput as error:
        raise BadParameters(error.problems) from None


def _pairs(query: str | Sequence[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    if not isinstance(query, str):
        return query
    if _BROKEN_ESCAPE.search(query):
        raise MalformedInput("the query string holds a '%' that begins no escape")
    try:
        return parse_qsl(query, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise MalformedInput("the query string is not UTF-8") from None


def _if_version(header: str | None) -> int | None:
    if header is None:
        return None
    if header == "*":
        return ANY_VERSION
    match = _ENTITY_TAG.fullmatch(header)
    if match is None:
        raise MalformedInput('If-Match must be one entity tag such as "3", or *')
    weak, tag = match.groups()
    # A weak tag never matches (RFC 9110, section 13.1.1); nor does one that we never gave.
    if weak or not _VERSION.fullmatch(tag):
        raise PreconditionFailed("If-Match names no version of this; read it again")
    return int(tag)


def _key(header: str | None) -> str | None:
    if header is not None and not _KEY.fullmatch(header):
        raise MalformedInput("Idempotency-Key must be 1 to 255 visible ASCII characters")
    return header
