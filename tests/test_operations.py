"""Rows of the table of operations, methods of the services, and permissions say the same."""

import inspect
import re
from datetime import date
from typing import Any
from uuid import UUID

import attrs
import pytest

from reflekt_core import Reflekt
from reflekt_core.errors import Forbidden, NotFound
from reflekt_core.model.accounts import PERMISSIONS, Actor, Permission, Role, permissions_of
from reflekt_core.model.insights import AnyInsight
from reflekt_core.operations import OPERATIONS, PATH_PARAMETERS, Operation, Shape

ID = UUID(int=1)
ARGUMENTS: dict[str, dict[str, Any]] = {
    "entries.create": {"content": "x"},
    "entries.search": {"q": "x"},
    "entries.put": {"content": "x"},
    "tags.rename": {"name": "y"},
    "categories.create": {"name": "x"},
    "categories.put": {"name": "x"},
    "suggestions.create": {"content": "x"},
    "summaries.create": {"from_": date(2026, 1, 1), "to": date(2026, 1, 2)},
    "account.delete": {"confirm": "me"},
    "admin.usage": {"user_id": "me"},
}
every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda row: row.id)


def method_of(reflekt: Reflekt, operation: Operation) -> Any:
    """Return the method that an operation names."""
    return getattr(getattr(reflekt, operation.tag), operation.verb)


def call(reflekt: Reflekt, operation: Operation) -> Any:
    """Call the method that an operation names, with arguments that are allowed."""
    path: dict[str, Any] = {"id": ID, "tag": "x"}
    names = re.findall(r"{(\w+)}", operation.path)
    arguments = {name: path[name] for name in names} | ARGUMENTS.get(operation.id, {})
    return method_of(reflekt, operation)(**arguments)


def test_ids_and_routes_are_unique() -> None:
    """No two rows share an id, or a method and path."""
    assert len({row.id for row in OPERATIONS}) == len(OPERATIONS)
    assert len({(row.method, row.path) for row in OPERATIONS}) == len(OPERATIONS)


@every_operation
def test_a_method_takes_what_its_row_says(operation: Operation) -> None:
    """Path, query and body give exactly the parameters of the method, and the same are required."""
    with Reflekt.open("memory://") as reflekt:
        parameters = inspect.signature(method_of(reflekt, operation)).parameters
    fields = [
        field
        for source in (operation.query, operation.body)
        if source
        for field in attrs.fields(source)
    ]
    wanted = {field.name for field in fields}
    wanted |= set(re.findall(r"{(\w+)}", operation.path))
    wanted |= {"if_version"} if operation.precondition else set()
    wanted |= {"idempotency_key"} if operation.repeatable else set()
    if operation.shape in (Shape.PAGE, Shape.LINES):
        wanted |= {"after", "limit"}
    elif operation.cursor:
        wanted |= {operation.cursor, "limit"}
    assert set(parameters) == wanted
    required = {f.name for f in fields if f.default is attrs.NOTHING}
    required |= set(re.findall(r"{(\w+)}", operation.path))
    assert required == {
        name for name, p in parameters.items() if p.default is inspect.Parameter.empty
    }


@every_operation
def test_the_types_of_a_row_are_there(operation: Operation) -> None:
    """They are named, so that nobody loads more than is needed; every name leads to something."""
    assert (operation.result is None) is (operation.shape is Shape.NOTHING)
    for said in (operation.query, operation.body):
        assert said is None or attrs.has(said)
    assert operation.waits is (operation.result is AnyInsight)


def test_every_path_parameter_has_a_type() -> None:
    """The names in paths are those of the table."""
    names = {name for row in OPERATIONS for name in re.findall(r"{(\w+)}", row.path)}
    assert names == set(PATH_PARAMETERS)


@every_operation
def test_an_operation_needs_its_permission_and_no_other(operation: Operation) -> None:
    """Without the row's permission the service refuses; with it alone it does not."""
    with Reflekt.open("memory://") as reflekt:
        without = frozenset(Permission) - {operation.permission}
        only = frozenset({operation.permission} - {None})
        if operation.permission is not None:
            with pytest.raises(Forbidden, match=operation.permission):
                call(reflekt.acting_as(Actor("me", without)), operation)
        try:
            call(reflekt.acting_as(Actor("me", only)), operation)
        except NotFound:
            assert "{id}" in operation.path


def test_a_forbidden_operation_changes_nothing() -> None:
    """A reader is refused every operation that writes, and the store stays as it was."""
    with Reflekt.open("memory://") as reflekt:
        reader = reflekt.acting_as(Actor("me", PERMISSIONS[Role.READER]))
        writing = [row for row in OPERATIONS if str(row.permission).endswith(":write")]
        assert len(writing) > 10
        for operation in writing:
            with pytest.raises(Forbidden):
                call(reader, operation)
        assert reflekt.store.entries.counts("me").entries == 0
        assert reflekt.entries.changes().items == ()


@pytest.mark.parametrize("role", [None, "", "root", "USER", "admin ", "user,admin"])
def test_an_unknown_role_may_do_nothing(role: str | None) -> None:
    """Only the exact names of roles count."""
    assert permissions_of(role) == frozenset()


def test_a_scope_narrows_and_never_widens() -> None:
    """What a scope names beyond the role is not granted."""
    assert permissions_of("reader", ["entries:read", "entries:write", "admin:read"]) == {
        Permission.ENTRIES_READ
    }
    assert permissions_of("user", ["entries:*"]) == {
        Permission.ENTRIES_READ,
        Permission.ENTRIES_WRITE,
    }
    assert permissions_of("user", []) == frozenset()
    assert permissions_of("admin", ["*"]) == frozenset()
