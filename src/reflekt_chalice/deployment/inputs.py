"""The parameters of the template: what is given, what was given before, and whether it may be so."""

import re
from collections.abc import Mapping
from typing import Any

from reflekt_chalice.deployment.failures import DeploymentError

__all__ = ["checked", "values_for"]

Plain = dict[str, Any]


def values_for(
    template: Mapping[str, Any], previous: Mapping[str, str], given: Mapping[str, str]
) -> dict[str, str]:
    """
    Return the value of each parameter: the one *given*, else the *previous* one, else the default.

    A secret for tokens takes the place of an identity provider's keys, and the other way round.
    """
    rows: Mapping[str, Plain] = template["Parameters"]
    defaults = {name: str(row["Default"]) for name, row in rows.items() if "Default" in row}
    kept = {name: value for name, value in previous.items() if name in rows}
    found = defaults | kept | dict(given)
    if given.get("JwtJwksUrl"):
        found["JwtSecretParameter"] = given.get("JwtSecretParameter", "")
    elif given.get("JwtSecretParameter"):
        found["JwtJwksUrl"] = ""
    return found


def checked(template: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
    """
    Return *values* if the template allows them.

    Raises:
        DeploymentError: Names the first that it does not. It never repeats the value, which may be a
            secret that was given where the name of one belongs.
    """
    rows: Mapping[str, Plain] = template["Parameters"]
    for name in values:
        if name not in rows:
            raise DeploymentError(f"there is no parameter {name}; known: {', '.join(sorted(rows))}")
    for name, row in rows.items():
        problem = "is missing" if name not in values else _problem(row, values[name])
        if problem:
            raise DeploymentError(f"{name} {problem}")
    return dict(values)


def _problem(row: Plain, value: str) -> str | None:
    allowed = row.get("AllowedValues")
    if allowed and value not in map(str, allowed):
        return f"must be one of: {', '.join(map(str, allowed))}"
    pattern = row.get("AllowedPattern")
    if pattern and not re.fullmatch(pattern, value):
        return str(row.get("ConstraintDescription", "is not allowed"))
    if row["Type"] == "Number" and not _is_within(value, row):
        return f"must be a number from {row.get('MinValue')} to {row.get('MaxValue')}"
    return None


def _is_within(value: str, row: Plain) -> bool:
    try:
        number = float(value)
    except ValueError:
        return False
    return bool(row.get("MinValue", number) <= number <= row.get("MaxValue", number))
