"""
What a control of the template on AWS is, and the usual kinds of it.

A control finds what is wrong with a template, and makes templates that lack it: those must be found
wrong, or it checks nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import attrs

from reflekt_chalice.functions import FUNCTIONS

Template = dict[str, Any]
Found = Iterable[str]

FUNCTION = "AWS::Serverless::Function"
API = "AWS::Serverless::Api"
TABLE = "AWS::DynamoDB::Table"
QUEUE = "AWS::SQS::Queue"
BUCKET = "AWS::S3::Bucket"
ALARM = "AWS::CloudWatch::Alarm"
MAPPING = "AWS::Lambda::EventSourceMapping"
RULE = "AWS::Events::Rule"
INVOKE = "AWS::Lambda::EventInvokeConfig"
LOGS = "AWS::Logs::LogGroup"
ROLE = "AWS::IAM::Role"

READS = {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"}
WRITES = {
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:ConditionCheckItem",
}
ASYNCHRONOUS = {n for n, f in FUNCTIONS.items() if f.streams or f.events or f.every_minutes}
ANSWERING = {n for n, f in FUNCTIONS.items() if f.operations}
AI_KEYS = {"OpenAiApiKeyParameter", "AnthropicApiKeyParameter"}
SECRETS = {"JwtSecretParameter", "JwtSecretPreviousParameter", "CursorSecretParameter", *AI_KEYS}
METHODS = 7
REST = {"/", "/{proxy+}", "/openapi.json", "/api-docs", "/api-docs/{page+}"}
"""The paths besides those of operations."""


@attrs.frozen
class Control:
    """
    One thing that the template sees to.

    `wrong` names what lacks it; `without` makes templates, each of which lacks it somewhere.
    """

    wrong: Callable[[Template], Found]
    without: Callable[[Template], Iterator[Template]]


def plain(name: str) -> str:
    """Return what the template should call *name*, worked out here anew."""
    return name.replace("_", " ").title().replace(" ", "")


def ids(template: Template, kind: str) -> list[str]:
    """Return what the template calls the resources of that kind."""
    return [id for id, found in template["Resources"].items() if found["Type"] == kind]


def at(value: Any, path: Iterable[str | int]) -> Any:
    """Return what stands at *path*; None if nothing does. Of conditions, *then* counts."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def put(template: Template, path: tuple[str | int, ...], value: Any) -> Template:
    """Return *template* with *value* at *path*; without what is there, if *value* is None."""
    copied: Any = dict(template)
    place = copied
    for step in path[:-1]:
        below = place[step]
        place[step] = list(below) if isinstance(below, list) else dict(below)
        place = place[step]
    if value is None:
        place.pop(path[-1])
    else:
        place[path[-1]] = value
    return copied  # type: ignore[no-any-return]


def each(kind: str, *path: str | int, be: Any, least: int = 1) -> Control:
    """Return the control that every resource of *kind* has what it should at *path*."""
    right = be if callable(be) else lambda _, value: value == be

    def wrong(template: Template) -> Found:
        found = ids(template, kind)
        if len(found) < least:
            yield kind
        for id in found:
            if not right(id, at(template["Resources"][id], path)):
                yield id

    def without(template: Template) -> Iterator[Template]:
        for id in ids(template, kind):
            yield put(template, ("Resources", id, *path), None)

    return Control(wrong, without)


def both(*controls: Control) -> Control:
    """Return several as one."""
    return Control(
        lambda template: [one for control in controls for one in control.wrong(template)],
        lambda template: (one for control in controls for one in control.without(template)),
    )


def dropping(kind: str, wrong: Callable[[Template], Found]) -> Control:
    """Return the control that *wrong* checks and that any missing resource of *kind* breaks."""

    def without(template: Template) -> Iterator[Template]:
        for id in ids(template, kind):
            yield put(template, ("Resources", id), None)

    return Control(wrong, without)


def properties(template: Template, id: str) -> Any:
    """Return the properties of a resource; {} if there is none of that name."""
    return template["Resources"].get(id, {}).get("Properties", {})


def branch(value: Any, condition: str, *, holds: bool = True) -> Any:
    """Return what *value* is where *condition* holds, or does not."""
    found = value.get("Fn::If") if isinstance(value, dict) else None
    return found[1 if holds else 2] if found and found[0] == condition else value


def listed(value: Any) -> list[Any]:
    """Return *value* as a list, if it is none."""
    return value if isinstance(value, list) else [value]


def name_of(id: str) -> str:
    """Return the name of the function that the template calls *id*."""
    return next(name for name in FUNCTIONS if plain(name) == id)


def between(least: int, most: int) -> Callable[[str, Any], bool]:
    """Return whether a number is there and within bounds."""
    return lambda _, value: isinstance(value, int) and least <= value <= most
