"""JSON Schemas, and examples that keep to them, of the types that travel."""

import ast
import inspect
import itertools
import re
import sys
import types
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import attrs

from reflekt_core.model.fields import UNSET, Rule, Unset, wire_name
from reflekt_core.serialization import wire

__all__ = ["Schemas", "example", "options", "public_fields"]

_Plain = dict[str, Any]

_SIMPLE: Final[dict[Any, tuple[_Plain, Any]]] = {
    str: ({"type": "string"}, "text"),
    int: ({"type": "integer"}, 1),
    float: ({"type": "number"}, 0.5),
    bool: ({"type": "boolean"}, False),
    UUID: ({"type": "string", "format": "uuid"}, "0193e1a2-7c5b-7d3e-8f00-1a2b3c4d5e6f"),
    datetime: ({"type": "string", "format": "date-time"}, "2026-11-22T18:40:00Z"),
    date: ({"type": "string", "format": "date"}, "2026-11-22"),
    Decimal: ({"type": "string", "pattern": r"^\d+(\.\d+)?$"}, "0.000000"),
    Any: ({}, None),
}
"""Schema and example of each plain type."""

_SAMPLES: Final[dict[str, Any]] = {
    "EntryDraft.occurred_at": "2026-11-22T21:40:00+03:00",
    "EntryPatch.occurred_at": "2026-11-22T21:40:00+03:00",
    "Entry.occurred_at": "2026-11-22T21:40:00+03:00",
    "Entry.trashed_at": None,
    "ExportRecord.value": {"version": 0},
    "Health.status": "ok",
    "Health.version": "0.1.0",
    "Hit.snippet": "We <mark>swam</mark> until the sun set.",
    "InsightFailure.code": "assistant_error",
    "InsightFailure.status": "failed",
    "InsightState.status": "pending",
    "Job.error": None,
    "Prompt.text": "What did the water feel like?",
    "SuggestionsView.items": ["What did you see on the way home?"],
    "Topic.name": "sea",
    "bio": "Sailor, baker, beginner at the cello.",
    "color": "#2a9d8f",
    "consent": [],
    "content": "We swam until the sun set.",
    "daily_token_budget": 1_000_000,
    "day_start_hour": 4,
    "daily_budget_usd": "0.25",
    "display_name": "Ada",
    "enabled": True,
    "from_": "2026-11-01",
    "icon": "⛵",
    "language": "en",
    "model": "local-1",
    "mood": 4,
    "name": "sea",
    "observations": ["You write of the sea when you feel well."],
    "prompt_version": "1",
    "provider": "local",
    "questions": ["What made the evening so light?"],
    "reminder_time": "20:00",
    "resources": [],
    "summary": "An evening of swimming.",
    "themes": ["nature"],
    "time_zone": "Africa/Nairobi",
    "title": "A day by the sea",
    "to": "2026-11-30",
    "user_id": "ada",
    "word_count": 6,
}
"""Examples of fields, by class and name or by name alone; used where the type takes them."""


class Schemas:
    """Collects the schemas of classes, each once, under its name."""

    def __init__(self) -> None:
        self.components: dict[str, _Plain] = {}
        self._classes: dict[str, tuple[type, bool]] = {}

    def of(self, tp: Any, *, incoming: bool) -> _Plain:
        """
        Return the schema of *tp*; classes become references.

        What comes in may lack fields with a default; what goes out has them all.
        """
        origin, args = get_origin(tp), get_args(tp)
        if origin is Annotated:
            schema = dict(self.of(args[0], incoming=incoming))
            for rule in (a for a in args[1:] if isinstance(a, Rule)):
                schema |= rule.schema()
            return schema
        if origin in (Union, types.UnionType):
            return self._union(tp, incoming=incoming)
        if origin in (tuple, list):
            return {"type": "array", "items": self.of(args[0], incoming=incoming)}
        if origin is dict:
            values = self.of(args[1], incoming=incoming)
            return {"type": "object", "additionalProperties": values or True}
        if tp in _SIMPLE:
            return dict(_SIMPLE[tp][0])
        return self._component(tp, incoming=incoming)

    def _union(self, tp: Any, *, incoming: bool) -> _Plain:
        found = [self.of(option, incoming=incoming) for option in options(tp)]
        nullable = type(None) in get_args(tp)
        if len(found) == 1 and nullable and "type" in found[0]:
            return found[0] | {"type": [found[0]["type"], "null"]}
        if nullable:
            found.append({"type": "null"})
        return found[0] if len(found) == 1 else {"anyOf": found}

    def _component(self, cls: Any, *, incoming: bool) -> _Plain:
        name, enumeration = cls.__name__, issubclass(cls, StrEnum)
        meant = (cls, incoming and not enumeration)
        if self._classes.setdefault(name, meant) != meant:
            raise ValueError(f"{name} is two classes, or one that goes both in and out")
        if name not in self.components:
            self.components[name] = (
                _enum(cls) if enumeration else self._object(cls, incoming=incoming)
            )
        return {"$ref": f"#/components/schemas/{name}"}

    def _object(self, cls: Any, *, incoming: bool) -> _Plain:
        said = _attribute_docs(cls)
        properties = {
            wire_name(a.name): self._property(a, tp, said.get(a.name), incoming=incoming)
            for a, tp in public_fields(cls)
        }
        required = [
            wire_name(a.name)
            for a, _ in public_fields(cls)
            if not incoming or a.default is attrs.NOTHING
        ]
        return {
            "type": "object",
            "description": _description(cls),
            "properties": properties,
            "additionalProperties": False,
            **({"required": required} if required else {}),
        }

    def _property(self, a: Any, tp: Any, said: str | None, *, incoming: bool) -> _Plain:
        schema = self.of(tp, incoming=incoming)
        if incoming and a.default not in (attrs.NOTHING, None, UNSET):
            plain = wire(a.default)
            schema["default"] = list(plain) if isinstance(plain, tuple) else plain
        if said:
            schema["description"] = said
        return schema


def example(tp: Any, key: str = "") -> Any:  # noqa: PLR0911 - one case a kind of type
    """Return an example of *tp* as plain data; *key* is ``Class.field`` if it is one's."""
    origin, args = get_origin(tp), get_args(tp)
    sample = _SAMPLES.get(key, _SAMPLES.get(key.partition(".")[2]))
    if origin in (Union, types.UnionType):
        if key in _SAMPLES and _SAMPLES[key] is None:
            return None
        return example(options(tp)[0], key)
    if origin is Annotated:
        shown = [s for rule in args[1:] for s in rule.schema().get("examples", ())]
        return shown[0] if shown else example(args[0], key)
    if origin in (tuple, list):
        item = example(args[0], key)
        fits = isinstance(sample, list) and all(type(one) is type(item) for one in sample)
        return sample if fits else [item]
    if origin is dict:
        return sample if isinstance(sample, dict) else {"1": example(args[1])}
    if tp in _SIMPLE:
        plain = _SIMPLE[tp][1]
        return sample if type(sample) is type(plain) else plain
    if issubclass(tp, StrEnum):
        values = [member.value for member in tp]
        return sample if sample in values else values[0]
    return {
        wire_name(a.name): example(field, f"{tp.__name__}.{a.name}")
        for a, field in public_fields(tp)
    }


def options(tp: Any) -> list[Any]:
    """Return the types that *tp* may be, besides null and unset."""
    if get_origin(tp) not in (Union, types.UnionType):
        return [tp]
    return [a for a in get_args(tp) if a not in (Unset, type(None))]


def public_fields(cls: Any) -> Iterator[tuple[Any, Any]]:
    """Go through the fields of *cls* that are shown, with their types."""
    hints = get_type_hints(cls, include_extras=True)
    return ((a, hints[a.name]) for a in attrs.fields(cls) if not a.metadata.get("private"))


def _enum(cls: type[StrEnum]) -> _Plain:
    return {"type": "string", "enum": [m.value for m in cls], "description": _description(cls)}


def _description(cls: type) -> str:
    said = inspect.cleandoc(cls.__doc__ or "").partition("\n\nRaises:")[0]
    return re.sub(r"`(\w+)`", lambda name: f"`{wire_name(name[1])}`", said)


def _attribute_docs(cls: type) -> dict[str, str]:
    """Return the strings that stand below fields in the source of *cls* and its parents."""
    found: dict[str, str] = {}
    for parent in reversed(cls.__mro__[:-1]):
        found |= _module_docs(parent.__module__).get(parent.__qualname__, {})
    return found


@cache
def _module_docs(module: str) -> dict[str, dict[str, str]]:
    """Return the strings that stand below fields, of each class at the top of *module*."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (OSError, TypeError):  # there is no source: built in, or deployed as byte code
        return {}
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return {node.name: dict(_documented(node)) for node in classes}


def _documented(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for line, below in itertools.pairwise(node.body):
        match line, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(said))),
            ):
                yield name, inspect.cleandoc(said)
