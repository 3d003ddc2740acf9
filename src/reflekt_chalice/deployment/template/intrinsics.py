"""What CloudFormation works out when it deploys: references, and texts with references in them."""

from typing import Any, Final

__all__ = ["NOTHING", "STACK_NAME", "Plain", "att", "choice", "equals", "join", "ref", "sub"]

Plain = dict[str, Any]
"""A piece of a template."""


def ref(name: str) -> Plain:
    """Return the value of a parameter, or what names a resource."""
    return {"Ref": name}


def att(resource: str, attribute: str) -> Plain:
    """Return an attribute of a resource."""
    return {"Fn::GetAtt": [resource, attribute]}


def sub(text: str) -> Plain:
    """Return *text* with each ``${name}`` replaced by what `ref` or ``${name.attribute}`` gives."""
    return {"Fn::Sub": text}


def join(*parts: Any) -> Plain:
    """Return *parts* one after another."""
    return {"Fn::Join": ["", list(parts)]}


def choice(condition: str, then: Any, otherwise: Any) -> Plain:
    """Return *then* where *condition* holds, else *otherwise*."""
    return {"Fn::If": [condition, then, otherwise]}


def equals(parameter: str, value: str) -> Plain:
    """Return the condition that *parameter* has *value*."""
    return {"Fn::Equals": [ref(parameter), value]}


NOTHING: Final = ref("AWS::NoValue")
"""Stands for: as if it had not been written."""

STACK_NAME: Final = ref("AWS::StackName")
