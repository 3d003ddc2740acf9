"""
What a field may hold, said once, in its type.

``mood: Annotated[int, Range(1, 5)]`` is checked when a value is built, when JSON is read, and is
what the OpenAPI document says.
"""

import enum
import types
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import cache
from typing import (
    Annotated,
    Any,
    Final,
    Protocol,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    runtime_checkable,
)

import attrs

from reflekt_core.errors import InvalidInput, Problem

__all__ = [
    "UNSET",
    "WORDS",
    "Items",
    "Range",
    "Rule",
    "Text",
    "Unset",
    "check",
    "explain",
    "given",
    "wire_name",
]


class Unset(enum.Enum):
    """The type of `UNSET`: a field that a patch leaves alone, as opposed to one set to None."""

    UNSET = "unset"

    def __bool__(self) -> bool:
        """Be false, like every absent thing."""
        return False


UNSET: Final = Unset.UNSET
"""Says that a patch does not mention a field."""


WORDS: Final = {"words": True}
"""Metadata of a field that holds words of the user, or is made of them."""


@runtime_checkable
class Rule(Protocol):
    """What a value must be like, beyond its Python type; stands in ``Annotated``."""

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with *value*, or None."""

    def schema(self) -> dict[str, Any]:
        """Return the same rule as JSON Schema keywords."""


@attrs.frozen
class Text:
    """A string of *min_length* to *max_length* characters without NUL; bytes count as UTF-8."""

    max_length: int
    min_length: int = 0
    max_bytes: int | None = None
    pattern: str | None = None
    what: str | None = None
    """What *pattern* means, for the error message."""
    example: str | None = None

    def problem(self, value: Any) -> str | None:  # noqa: PLR0911 - a list of checks
        """Return what is wrong with *value*, or None."""
        if not isinstance(value, str):
            return "must be a string"
        if not self.min_length <= len(value) <= self.max_length:
            if not self.min_length:
                return f"must have at most {self.max_length} characters"
            return f"must have {self.min_length} to {self.max_length} characters"
        if "\x00" in value:
            return "must not contain NUL characters"
        try:
            size = len(value) if value.isascii() else len(value.encode())
        except UnicodeEncodeError:
            return "must not contain lone surrogates"
        if self.max_bytes is not None and size > self.max_bytes:
            return f"must have at most {self.max_bytes} bytes in UTF-8"
        if self.pattern is not None and not _matcher(self.pattern)(value):
            return f"must be {self.what or 'of the form ' + self.pattern}"
        return None

    def schema(self) -> dict[str, Any]:
        """Return the rule as JSON Schema keywords."""
        words = {
            "minLength": self.min_length or None,
            "maxLength": self.max_length,
            "pattern": self.pattern and f"^(?:{self.pattern})$",
            "examples": self.example and [self.example],
        }
        return {key: word for key, word in words.items() if word is not None}


@cache
def _matcher(pattern: str) -> Callable[[str], object]:
    import re  # noqa: PLC0415 - few fields have a pattern; most programs never need one

    return re.compile(pattern).fullmatch


@attrs.frozen
class Range:
    """A number from *low* to *high*, both included."""

    low: int
    high: int

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with *value*, or None."""
        if isinstance(value, bool) or not isinstance(value, int):
            return f"must be a whole number from {self.low} to {self.high}"
        if not self.low <= value <= self.high:
            return f"must be from {self.low} to {self.high}"
        return None

    def schema(self) -> dict[str, Any]:
        """Return the rule as JSON Schema keywords."""
        return {"minimum": self.low, "maximum": self.high}


@attrs.frozen
class Items:
    """A sequence of at most *most* items."""

    most: int

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with *value*, or None."""
        if not isinstance(value, list | tuple | dict):
            return "must be a list"
        return f"must have at most {self.most} items" if len(value) > self.most else None

    def schema(self) -> dict[str, Any]:
        """Return the rule as JSON Schema keywords."""
        return {"maxItems": self.most}


def check(value: attrs.AttrsInstance) -> None:
    """
    Check every field of *value* against its type; made to be called by ``__attrs_post_init__``.

    A string that is the value of an enum's member becomes that member.

    Raises:
        InvalidInput: Names every bad field.
    """
    problems: list[Problem] = []
    for name, path, default, members, checker in _checkers(type(value)):
        held = getattr(value, name)
        if held is default:  # which is right, and what most fields hold
            continue
        if members and type(held) is str and held in members:
            held = members[held]
            object.__setattr__(value, name, held)
        problems += checker(held, path)
    if problems:
        raise InvalidInput(problems)


def given(patch: attrs.AttrsInstance) -> dict[str, Any]:
    """Return the fields of *patch* that are set, by name."""
    return {
        a.name: value
        for a in attrs.fields(type(patch))
        if (value := getattr(patch, a.name)) is not UNSET
    }


def wire_name(name: str) -> str:
    """Return the name of a field in JSON: ``from_`` is ``from``, which Python keeps to itself."""
    return name.rstrip("_")


def explain(expected: type) -> str:
    """Return what a value of the class *expected* must be, for an error message."""
    if issubclass(expected, enum.Enum):
        return "must be one of " + ", ".join(repr(m.value) for m in expected)
    return _EXPLANATIONS.get(expected.__name__, f"must be a {expected.__name__}")


_EXPLANATIONS = {
    "str": "must be a string",
    "int": "must be a whole number",
    "float": "must be a number",
    "bool": "must be true or false",
    "date": "must be a date such as 2026-11-22",
    "datetime": "must be a time with offset such as 2026-11-22T21:40:00+03:00",
    "UUID": "must be a UUID such as 0193e1a2-7c5b-7d3e-8f00-1a2b3c4d5e6f",
    "Decimal": "must be an amount such as '0.25'",
}


Checker = Callable[[Any, str], Sequence[Problem]]


@cache
def _checkers(
    cls: type[attrs.AttrsInstance],
) -> tuple[tuple[str, str, object, dict[str, enum.StrEnum], Checker], ...]:
    hints = get_type_hints(cls, include_extras=True)
    return tuple(
        (a.name, wire_name(a.name), a.default, _members(hints[a.name]), _checker(hints[a.name]))
        for a in attrs.fields(cls)
    )


def _members(tp: Any) -> dict[str, enum.StrEnum]:
    """Return the members of the enums that *tp* allows, by value."""
    kinds = get_args(tp) if get_origin(tp) in (Union, types.UnionType) else (tp,)
    found = [one for one in kinds if isinstance(one, type) and issubclass(one, enum.StrEnum)]
    return {member.value: member for kind in found for member in kind}


def _checker(tp: Any) -> Checker:
    origin = get_origin(tp)
    if origin is Annotated:
        inner, *rules = get_args(tp)
        return _ruled(_checker(inner), [r for r in rules if isinstance(r, Rule)])
    if origin in (Union, types.UnionType):
        return _either([_checker(arg) for arg in get_args(tp)])
    if origin is tuple:
        return _each(_checker(get_args(tp)[0]))
    return _instance(origin or tp)


def _ruled(inner: Checker, rules: list[Rule]) -> Checker:
    def checker(value: Any, path: str) -> Sequence[Problem]:
        for rule in rules:
            if wrong := rule.problem(value):
                return (Problem(path, wrong),)
        return inner(value, path)

    return checker


def _either(options: list[Checker]) -> Checker:
    def checker(value: Any, path: str) -> Sequence[Problem]:
        first: Sequence[Problem] = ()
        for option in options:
            problems = option(value, path)
            if not problems:
                return ()
            first = first or problems
        return first

    return checker


def _each(item: Checker) -> Checker:
    def checker(value: Any, path: str) -> Sequence[Problem]:
        if not isinstance(value, tuple | list):
            return (Problem(path, "must be a list"),)
        return [problem for i, one in enumerate(value) for problem in item(one, f"{path}[{i}]")]

    return checker


def _instance(cls: type) -> Checker:
    def checker(value: Any, path: str) -> Sequence[Problem]:
        right = isinstance(value, cls) and not (cls is int and isinstance(value, bool))
        if cls is date and isinstance(value, datetime):
            right = False
        if not right or (isinstance(value, datetime) and value.tzinfo is None):
            return (Problem(path, explain(cls)),)
        return ()

    return checker
