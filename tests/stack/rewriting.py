"""The template for the emulator: what has to be otherwise there, as data with a reason, and nothing else."""

import copy
import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

__all__ = ["RULES", "rewrite"]

Plain = dict[str, Any]

RULES: tuple[Plain, ...] = tuple(json.loads(Path(__file__).with_suffix(".json").read_text()))
"""Each says why, at which places, and what: `set` keys, `drop` rows of a list, or make `each` value a resource."""


def rewrite(template: Plain, endpoint: str) -> Plain:
    """
    Return *template* as the emulator at *endpoint* needs it.

    Raises:
        LookupError: A rule applies to nothing: the template has changed, and the rule is out of date.
    """
    made = copy.deepcopy(template)
    for rule in RULES:
        places = list(_places(made, rule["at"]))
        if not places or not all(_apply(made, rule, place, endpoint) for place in places):
            raise LookupError(f"nothing to rewrite: {rule['why']}")
    return made


def _apply(template: Plain, rule: Plain, place: Any, endpoint: str) -> bool:
    if "set" in rule:
        place.update(_filled(rule["set"], {"endpoint": endpoint}))
        return True
    if "drop" in rule:
        before = len(place)
        place[:] = [row for row in place if not rule["drop"].items() <= row.items()]
        return len(place) < before
    for name, value in place.items():
        words = "".join(part.capitalize() for part in name.split("_"))
        resource = _filled(rule["each_as"], {"name": name, **value})
        template["Resources"][f"GatewayResponse{words}"] = resource
    return bool(place)


def _places(value: Any, at: list[str]) -> Iterator[Any]:
    if not at:
        yield value
        return
    for key in [key for key in value if fnmatchcase(key, at[0])]:
        yield from _places(value[key], at[1:])


def _filled(value: Any, names: Mapping[str, Any]) -> Any:
    """Return *value* with ``{name}`` replaced: by the value itself, where nothing stands around it."""
    if isinstance(value, dict):
        return {key: _filled(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, names) for one in value]
    if not isinstance(value, str):
        return value
    if value[1:-1] in names:
        return names[value[1:-1]]
    for name, one in names.items():
        value = value.replace(f"{{{name}}}", str(one))
    return value
