"""What things are called: in the template, and in the account."""

from reflekt_chalice.deployment.template.intrinsics import Plain, sub

__all__ = [
    "alias",
    "dead_letters",
    "log_group",
    "logical",
    "named",
    "role",
    "table_id",
]


def logical(name: str) -> str:
    """Return what the template calls the function *name*, such as ``AnalyticsConsumer``."""
    return "".join(part.capitalize() for part in name.split("_"))


def role(function: str) -> str:
    """Return what the template calls the role of *function*."""
    return f"{logical(function)}Role"


def log_group(function: str) -> str:
    """Return what the template calls the log group of *function*."""
    return f"{logical(function)}Logs"


def dead_letters(function: str) -> str:
    """Return what the template calls the queue of what *function* failed at for good."""
    return f"{logical(function)}DeadLetters"


def table_id(table: str) -> str:
    """Return what the template calls *table*."""
    return f"{logical(table)}Table"


def alias(function: str) -> str:
    """Return the end of a function's name in the account, such as ``analytics-consumer``."""
    return function.replace("_", "-")


def named(end: str) -> Plain:
    """Return the name in the account of what belongs to this stack alone."""
    return sub(f"${{AWS::StackName}}-{end}")
