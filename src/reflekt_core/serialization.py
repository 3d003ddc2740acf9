"""
Values to plain data and back: the one cattrs converter and its hooks.

`wire` is what goes over HTTP: strict on the way in, without private fields on the way out.
`load` and `dump` are for stores: every field, and the schema version of the value's class.
"""

import json
import re
import types
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin
from uuid import UUID

import attrs
import cattrs
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError, IterableValidationError
from cattrs.gen import (
    make_dict_structure_fn,
    make_dict_unstructure_fn,
    mapping_structure_factory,
    override,
)

from reflekt_core.errors import InvalidInput, Problem, StoreError
from reflekt_core.model.entries import Entry
from reflekt_core.model.fields import Rule, Unset, explain, wire_name

__all__ = [
    "dump",
    "load",
    "read",
    "read_shown",
    "read_strings",
    "read_whole",
    "schema_version",
    "whole",
    "wire",
]

T = TypeVar("T")


class _Wrong(ValueError):
    """A value is not what its type asks for; the text says what is allowed."""


# Schema versions of what stores keep. A class that is not named is at version 1. To change a
# stored class: raise its number and give the function that lifts the plain data from the version
# before to `UPCASTERS`.
SCHEMA_VERSIONS: dict[type, int] = {Entry: 1}
UPCASTERS: dict[tuple[type, int], Callable[[dict[str, Any]], dict[str, Any]]] = {}


def read(data: Any, cls: type[T], *, where: str = "") -> T:
    """
    Return *data*, as parsed from JSON, as a value of *cls*.

    Raises:
        InvalidInput: Names every bad, missing and unknown field; paths begin with *where*.
    """
    return _structure(_strict(), data, cls, where)


def read_strings(data: Mapping[str, str | list[str]], cls: type[T]) -> T:
    """
    Return the parameters of a query string as a value of *cls*.

    Raises:
        InvalidInput: Names every bad and unknown parameter.
    """
    return _structure(_from_strings(), data, cls, "")


def read_whole(data: Any, cls: type[T]) -> T:
    """
    Return what `whole` returned, as a value of *cls* again.

    Raises:
        InvalidInput: Names every bad, missing and unknown field.
    """
    return _structure(_exported(), data, cls, "")


def read_shown(data: Any, cls: Any) -> Any:
    """
    Return what `wire` returned, here or in a newer Reflekt, as a value of *cls* again.

    Private fields have their defaults; what a newer Reflekt shows besides is passed over.

    Raises:
        InvalidInput: Names every bad and missing field.
    """
    return _structure(_shown_elsewhere(), data, cls, "")


def wire(value: Any) -> Any:
    """Return *value* as plain data for JSON, as the API shows it: without private fields."""
    return _strict().unstructure(value)


def whole(value: Any) -> dict[str, Any]:
    """Return *value* as plain data with every field, for an export."""
    return dict(_stored().unstructure(value))


def dump(value: Any) -> bytes:
    """Return *value* as a store keeps it: JSON with every field and a schema version."""
    data = _stored().unstructure(value)
    data["$schema"] = schema_version(type(value))
    return _encode(data).encode()


def load(data: bytes, cls: type[T]) -> T:
    """
    Return the value that `dump` wrote, lifted to the present schema.

    Raises:
        StoreError: It was written by a newer version of Reflekt, or is damaged.
    """
    try:
        plain = json.loads(data.decode())
        version = plain.pop("$schema", 1)
        newest = schema_version(cls)
        if version > newest:
            raise StoreError(
                f"a stored {cls.__name__} has schema version {version}, this program knows up to "
                f"{newest}: use a newer Reflekt"
            )
        for step in range(version, newest):
            plain = UPCASTERS[cls, step](plain)
        return _stored().structure(plain, cls)
    except _DAMAGE:
        # Without its cause: that would carry the stored text.
        raise StoreError(f"a stored {cls.__name__} is damaged") from None


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_DAMAGE = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


def schema_version(cls: type) -> int:
    """Return the schema version in which values of *cls* are stored today."""
    return SCHEMA_VERSIONS.get(cls, 1)


def _structure(converter: cattrs.Converter, data: Any, cls: type[T], where: str) -> T:
    try:
        return converter.structure(data, cls)
    except (ClassValidationError, IterableValidationError, InvalidInput, _Wrong) as error:
        raise InvalidInput(_problems(error, where)) from None


def _problems(error: BaseException, path: str) -> list[Problem]:
    match error:
        case ClassValidationError():
            noted, rest = error.group_exceptions()
            found = [p for e, note in noted for p in _problems(e, _at(path, note.name))]
        case IterableValidationError():
            indexed, rest = error.group_exceptions()
            found = [p for e, note in indexed for p in _problems(e, f"{path}[{note.index}]")]
        case ForbiddenExtraKeysError():
            known = sorted(wire_name(a.name) for a in attrs.fields(error.cl) if a.init)
            said = f"is not known here; known: {', '.join(known)}"
            return [Problem(_at(path, name), said) for name in sorted(error.extra_fields)]
        case InvalidInput():
            return [Problem(_at(path, p.path), p.message) for p in error.problems]
        case KeyError():
            return [Problem(path, "is required")]
        case _Wrong():
            return [Problem(path, str(error))]
        case _:
            raise error
    return found + [p for e in rest for p in _problems(e, path)]


def _at(path: str, name: str) -> str:
    name = wire_name(str(name))
    return f"{path}.{name}" if path and name else path or name


@cache
def _strict() -> cattrs.Converter:
    return _checking(private=False)


@cache
def _exported() -> cattrs.Converter:
    return _checking(private=True)


@cache
def _shown_elsewhere() -> cattrs.Converter:
    converter = _checking(private=False, open_ended=True)
    converter.register_structure_hook_factory(
        _is_choice, lambda tp: lambda value, _: converter.structure(value, _fitting(tp, value))
    )
    return converter


def _checking(*, private: bool, open_ended: bool = False) -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=not open_ended, detailed_validation=True)
    _hook_values(converter, from_json=True)
    for cls in (str, int, float, bool):
        converter.register_structure_hook(cls, _exactly(cls))
    _hook_classes(converter, private=private)
    return converter


@cache
def _from_strings() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    _hook_values(converter, from_json=True)
    converter.register_structure_hook(str, _exactly(str))
    converter.register_structure_hook(int, _int_of_text)
    converter.register_structure_hook(bool, _bool_of_text)
    _hook_classes(converter, private=False)
    return converter


@cache
def _stored() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=False)
    _hook_values(converter, from_json=False)
    # What stores keep was checked before; texts and plain data need no second look at each.
    converter.register_structure_hook_func(
        lambda tp: tp == tuple[str, ...], lambda value, _: tuple(value)
    )
    converter.register_unstructure_hook_func(lambda tp: tp == tuple[str, ...], list)
    converter.register_unstructure_hook_func(lambda tp: tp == dict[str, Any], lambda value: value)
    _hook_classes(converter, private=True)
    return converter


def _hook_values(converter: cattrs.Converter, *, from_json: bool) -> None:
    """Register what is the same wherever text is parsed; `from_json` data are checked as well."""
    for cls, parse in (
        (UUID, _uuid if from_json else UUID),
        (datetime, _datetime if from_json else datetime.fromisoformat),
        (date, _date if from_json else date.fromisoformat),
        (Decimal, _decimal),
    ):
        converter.register_structure_hook(cls, _parsed(parse))
    converter.register_unstructure_hook(UUID, str)
    converter.register_unstructure_hook(Decimal, lambda value: format(value, "f"))
    converter.register_unstructure_hook(datetime, _show_time)
    converter.register_unstructure_hook(date, date.isoformat)
    converter.register_structure_hook_factory(_is_union, lambda tp: _union(converter, tp))
    converter.register_unstructure_hook_factory(_is_union, lambda tp: _shown(converter, tp))
    if from_json:
        converter.register_structure_hook(StrEnum, _enum)
        converter.register_structure_hook_factory(
            _is_dict, lambda tp: _object(mapping_structure_factory(tp, converter))
        )
        converter.register_structure_hook_factory(_is_tuple, lambda tp: _tuple(converter, tp))
        converter.register_structure_hook_factory(_is_annotated, lambda tp: _ruled(converter, tp))


def _hook_classes(converter: cattrs.Converter, *, private: bool) -> None:
    def overrides(tp: Any) -> dict[str, Any]:
        cls: Any = get_origin(tp) or tp
        return {
            a.name: override(
                rename=wire_name(a.name), omit=None if private else a.metadata.get("private")
            )
            for a in attrs.fields(cls)
        }

    converter.register_unstructure_hook_factory(
        attrs.has,
        lambda cls: make_dict_unstructure_fn(cls, converter, **overrides(cls)),
    )
    converter.register_structure_hook_factory(
        attrs.has,
        lambda cls: _object(
            make_dict_structure_fn(
                cls,
                converter,
                _cattrs_forbid_extra_keys=converter.forbid_extra_keys,
                **overrides(cls),
            )
        ),
    )


def _object(structure: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def hook(value: Any, tp: Any) -> Any:
        if type(value) is not dict and not isinstance(value, Mapping):
            raise _Wrong("must be an object")
        return structure(value, tp)

    return hook


def _parsed(parse: Callable[[str], T]) -> Callable[[Any, Any], T]:
    return lambda value, _: parse(value)


def _uuid(value: Any) -> UUID:
    # UUID() also takes braces, URNs and digits without hyphens; an id has one spelling here.
    try:
        found = UUID(value)
    except (ValueError, TypeError, AttributeError):
        raise _Wrong(explain(UUID)) from None
    if str(found) != value.lower():
        raise _Wrong(explain(UUID))
    return found


def _datetime(value: Any) -> datetime:
    # fromisoformat() also takes weeks, commas and more, and others in each version of Python.
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise _Wrong(explain(datetime))
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError:
        raise _Wrong(explain(datetime)) from None


# RFC 3339, section 5.6; the seconds may be left out.
_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)",
    re.ASCII | re.IGNORECASE,
)


def _date(value: Any) -> date:
    try:
        found = date.fromisoformat(value)
    except (ValueError, TypeError):
        raise _Wrong(explain(date)) from None
    if found.isoformat() != value:
        raise _Wrong(explain(date))
    return found


def _decimal(value: Any) -> Decimal:
    if not isinstance(value, str) or not _AMOUNT.fullmatch(value):
        raise _Wrong(explain(Decimal))
    return Decimal(value)


_AMOUNT = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def _show_time(value: datetime) -> str:
    shown = value.isoformat()
    return shown[:-6] + "Z" if value.tzinfo is UTC else shown


def _exactly(cls: type) -> Callable[[Any, Any], Any]:
    def hook(value: Any, _: Any) -> Any:
        if type(value) is cls:
            return value
        if cls is not float or type(value) is not int:
            raise _Wrong(explain(cls))
        try:
            return float(value)
        except OverflowError:
            raise _Wrong(explain(cls)) from None

    return hook


def _int_of_text(value: Any, _: Any) -> int:
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        raise _Wrong(explain(int))
    return int(value)


_WHOLE = re.compile(r"-?[0-9]{1,18}")


def _bool_of_text(value: Any, _: Any) -> bool:
    if value not in ("true", "false"):
        raise _Wrong(explain(bool))
    return bool(value == "true")


def _is_union(tp: Any) -> bool:
    return get_origin(tp) in (Union, types.UnionType)


def _is_choice(tp: Any) -> bool:
    return _is_union(tp) and all(map(attrs.has, get_args(tp)))


def _fitting(tp: Any, value: Any) -> Any:
    """Return that class of the union *tp* of whose required fields *value* has the most, all."""
    given = value.keys() if isinstance(value, Mapping) else frozenset[str]()
    required = {
        cls: {wire_name(a.name) for a in attrs.fields(cls) if a.default is attrs.NOTHING}
        for cls in get_args(tp)
    }
    fitting = [cls for cls, names in required.items() if names <= given]
    return max(fitting or required, key=lambda cls: len(required[cls]))


def _is_tuple(tp: Any) -> bool:
    return get_origin(tp) is tuple and get_args(tp)[1:] == (...,)


def _is_dict(tp: Any) -> bool:
    return get_origin(tp) is dict


def _is_annotated(tp: Any) -> bool:
    return get_origin(tp) is Annotated


def _union(converter: cattrs.Converter, tp: Any) -> Callable[[Any, Any], Any]:
    """Return the hook for ``X | None``, ``X | Unset`` and a date or a time."""
    args = [a for a in get_args(tp) if a is not Unset]
    nullable = type(None) in args
    options = [a for a in args if a is not type(None)]
    if len(options) == 1:
        (inner,) = (converter.get_structure_hook(a) for a in options)

        def hook(value: Any, _: Any) -> Any:
            return None if nullable and value is None else inner(value, options[0])

        return hook

    def moment_or_primitive(value: Any, _: Any) -> Any:
        if nullable and value is None:
            return None
        if datetime not in {_bare(a) for a in options}:
            return value  # positions: strings and numbers, which are their own JSON
        wanted = datetime if isinstance(value, str) and len(value) > len("2026-11-22") else date
        (option,) = (a for a in options if _bare(a) is wanted)
        return converter.structure(value, option)

    return moment_or_primitive


def _shown(converter: cattrs.Converter, tp: Any) -> Callable[[Any], Any]:
    """Return the hook that turns a union into plain data: by its one type, or by the value's."""
    options = [a for a in get_args(tp) if a is not type(None)]
    if len(options) != 1:
        return converter.unstructure
    show = converter.get_unstructure_hook(options[0])
    return lambda value: None if value is None else show(value)


def _bare(tp: Any) -> Any:
    return get_args(tp)[0] if _is_annotated(tp) else tp


def _enum(value: Any, cls: type[StrEnum]) -> StrEnum:
    try:
        return cls(value)
    except ValueError:
        raise _Wrong(explain(cls)) from None


def _tuple(converter: cattrs.Converter, tp: Any) -> Callable[[Any, Any], Any]:
    as_list = converter.get_structure_hook(list[get_args(tp)[0]])  # type: ignore[misc]

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise _Wrong("must be a list")
        return tuple(as_list(value, list[get_args(tp)[0]]))  # type: ignore[misc]

    return hook


def _ruled(converter: cattrs.Converter, tp: Any) -> Callable[[Any, Any], Any]:
    inner_type, *extras = get_args(tp)
    rules = [r for r in extras if isinstance(r, Rule)]
    inner = converter.get_structure_hook(inner_type)

    def hook(value: Any, _: Any) -> Any:
        found = inner(value, inner_type)
        for rule in rules:
            if problem := rule.problem(found):
                raise _Wrong(problem)
        return found

    return hook
