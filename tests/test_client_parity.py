"""Routes, services, both clients, the command line and the docs have the same operations."""

import ast
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from reflekt_core import AsyncClient, Client, Reflekt
from reflekt_core.cli.commands import COMMANDS, root
from reflekt_core.client import nouns
from reflekt_core.operations import OPERATIONS, Operation
from reflekt_core.rest.openapi import document
from reflekt_core.rest.routes import Routes

from .client_calls import method_of

ROOT = Path(__file__).parent.parent
IDS = {operation.id for operation in OPERATIONS}
REMOTE = {
    "write": {"entries.create", "settings.get", "categories.list", "categories.put"},
    "list": {"entries.list", "categories.list"},
    "show": {"entries.get", "entries.list", "categories.list"},
    "search": {"entries.search", "categories.list"},
    "insights": {"entries.insights", "entries.analyse", "entries.get", "entries.list"},
    "prompt": {"prompts.daily", "prompts.generate"},
    "trends": {"analytics.trends"},
}
"""The commands that work on a service as well, and the operations that they are made of."""

every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda row: row.id)


@every_operation
def test_a_client_takes_what_the_service_takes(operation: Operation) -> None:
    """Names, order, kinds and defaults of parameters are those of the service's method."""
    with Reflekt.open("memory://") as reflekt:
        wanted = inspect.signature(method_of(reflekt, operation)).parameters.values()
    for cls in (Client, AsyncClient):
        method = method_of(cls("http://localhost", "t"), operation)
        found = inspect.signature(method).parameters.values()
        assert {p.name: (p.kind, p.default) for p in found} == {
            p.name: (p.kind, p.default) for p in wanted
        }
        positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
        assert [p.name for p in found if p.kind is positional] == [
            p.name for p in wanted if p.kind is positional
        ]
        assert operation.summary in method.__doc__
        assert method.__qualname__ == operation.id


def test_a_client_has_the_operations_and_no_others() -> None:
    """Every verb of every noun is a row of the table, and the other way round."""
    client = Client("http://localhost", "t")
    found = {
        f"{name}.{verb}"
        for name, noun in vars(client).items()
        if isinstance(noun, nouns.Noun)
        for verb, held in vars(type(noun)).items()
        if isinstance(held, nouns.Verb)
    }
    assert found == IDS


def test_the_types_of_a_client_are_those_of_the_services() -> None:
    """What type checkers read names each operation's method, on the class that the journal has."""
    tree = ast.parse(Path(inspect.getfile(nouns)).read_text("utf-8"))
    declared = {
        (cls.name, target.id): ast.unparse(call.args[0])
        for cls in tree.body
        if isinstance(cls, ast.ClassDef)
        for node in ast.walk(cls)
        if isinstance(node, ast.Assign) and isinstance(call := node.value, ast.Call)
        for target in node.targets
        if isinstance(target, ast.Name) and ast.unparse(call.func) == "_as"
    }
    client = Client("http://localhost", "t")
    with Reflekt.open("memory://") as reflekt:
        wanted = {}
        for operation in OPERATIONS:
            service = type(getattr(reflekt, operation.tag))
            module = service.__module__.rpartition(".")[2]
            noun = type(getattr(client, operation.tag)).__name__
            named = f"{module}_service.{service.__name__}.{operation.verb}"
            wanted[noun, operation.verb] = named
    assert declared == wanted


def test_routes_and_their_description_have_the_operations() -> None:
    """Each is found by method and path, and described under its id."""
    routes = Routes((operation, operation.id) for operation in OPERATIONS)
    described = {
        details["operationId"]
        for methods in json.loads(json.dumps(document()))["paths"].values()
        for details in methods.values()
        if isinstance(details, dict) and "operationId" in details
    }
    assert described >= IDS
    for operation in OPERATIONS:
        path = re.sub(r"{\w+}", "0193e1a2-7c5b-7d3e-8f00-1a2b3c4d5e6f", operation.path)
        assert routes.find(operation.method, path)[0] == operation.id


def test_the_docs_have_the_operations() -> None:
    """The page about the client lists every noun with its verbs, and nothing else."""
    page = (ROOT / "docs/reference/client.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", page, re.MULTILINE)
    assert {
        f"{noun}.{verb}" for noun, verbs in rows for verb in re.findall(r"`(\w+)`", verbs)
    } == IDS


def _asked_for(command: click.Command) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}


def test_the_command_line_works_on_a_service_where_the_client_can() -> None:
    """These commands take --url, the others do not, and each stands for operations there are."""
    context: Any = click.Context(root)
    commands = {name: root.get_command(context, name) for name in COMMANDS}
    remote = {name for name, one in commands.items() if one and "--url" in _asked_for(one)}
    assert remote == set(REMOTE)
    assert set().union(*REMOTE.values()) <= IDS
    page = (ROOT / "docs/reference/client.md").read_text("utf-8")
    assert all(f"`{name}`" in page or f"reflekt {name}" in page for name in remote)


def test_type_checkers_understand_both_clients() -> None:
    """Right calls have the right types, and wrong ones are told; see `client_types`."""
    pytest.importorskip("mypy")
    found = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-incremental", "tests/client_types.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in found.stdout.splitlines() if "client" in line]
    assert not ours, found.stdout + found.stderr
