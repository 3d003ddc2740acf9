"""The reference pages name every command, option and variable, and none that does not exist."""

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, Final

import click
import pytest

from reflekt_chalice.deployment.commands import aws
from reflekt_core.cli.commands import COMMANDS, root
from reflekt_core.config import Config

from .howto_pages import DOCS, section

SOURCES: Final = Path(__file__).parent.parent / "src"
CLI: Final = (DOCS / "reference/cli.md").read_text("utf-8")
CONFIGURATION: Final = (DOCS / "reference/configuration.md").read_text("utf-8")
OURS: Final = re.compile(r"\b(?:REFLEKT|JWT|OPENAI|ANTHROPIC)_[A-Z_]*[A-Z]\b")
MADE_UP: Final = {  # in the sources, these are put together of two words
    f"{vendor}_{what}"
    for vendor, what in product(("OPENAI", "ANTHROPIC"), ("API_KEY", "MODEL", "BASE_URL"))
}


def commands(command: Any, name: str) -> Iterator[tuple[str, click.Command]]:
    """Yield the commands in a group, by their whole names, or the one that this is."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    ctx = click.Context(command)
    for one in command.list_commands(ctx):
        yield from commands(command.get_command(ctx, one), f"{name} {one}")


def all_commands() -> dict[str, click.Command]:
    """Return every command of ours by its name."""
    ctx = click.Context(root)
    found = [pair for name in COMMANDS for pair in commands(root.get_command(ctx, name), name)]
    return dict(found) | dict(commands(aws, "aws"))


def rows(text: str) -> dict[frozenset[str], tuple[str, str]]:
    """Return the whole cells of the options in a section: their names, and what is the default."""
    found = {}
    for line in re.findall(r"^\| (`-.*) \|$", text, re.MULTILINE):
        first, _, default = re.split(r" ?(?<!\\)\| ?", line)
        names = re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", first)
        found[frozenset(names)] = (first, default)
    return found


def shown(name: str) -> dict[frozenset[str], tuple[str, str]]:
    """Return the options that the page says the command *name* has."""
    (heading,) = re.findall(
        rf"^## (`reflekt {name}(?: [^a-z`][^`]*| \w+(?:\|\w+)+)?`)$", CLI, re.MULTILINE
    )
    text = section("reference/cli.md", heading)
    also = re.findall(r"\*([A-Z][a-z ]+)\*", text)
    return {
        k: v for part in also for k, v in rows(section("reference/cli.md", part)).items()
    } | rows(text)


def options(command: click.Command) -> list[click.Option]:
    """Return the options of a command."""
    return [one for one in command.params if isinstance(one, click.Option)]


@pytest.mark.parametrize("name", all_commands())
def test_the_page_has_each_option_of_a_command(name: str) -> None:
    """All of its names, and no option that it does not have."""
    wanted = {frozenset([*one.opts, *one.secondary_opts]) for one in options(all_commands()[name])}
    assert shown(name).keys() == wanted


@pytest.mark.parametrize("name", all_commands())
def test_the_page_has_each_default(name: str) -> None:
    """What holds if an option is left out; or that it must not be."""
    page = shown(name)
    for one in options(all_commands()[name]):
        _, default = page[frozenset([*one.opts, *one.secondary_opts])]
        assert (default == "needed") is one.required
        said = re.search(r"\[default: (.*)\]$", one.help or "")
        if said:
            assert said[1] in default.replace("`", "")
        elif one.default is True:
            assert default == "yes"
        elif isinstance(one.default, str | int | Path) and one.default is not False:
            assert default.strip("`") == str(one.default)
        if one.envvar:
            assert f"`{one.envvar}`" in default


def test_the_page_has_no_command_that_does_not_exist() -> None:
    """Every heading that looks like a command is one."""
    headed = re.findall(r"^## `reflekt ([a-z ]*[a-z])", CLI, re.MULTILINE)
    assert {re.sub(r" (index|bash)$", "", name) for name in headed} == set(all_commands())


def read_variables() -> set[str]:
    """Return the variables of ours that the sources name."""
    return MADE_UP | {
        name for path in SOURCES.rglob("*.py") for name in OURS.findall(path.read_text("utf-8"))
    }


def documented() -> dict[str, str]:
    """Return the variables in the tables of the page, with their defaults."""
    found = {}
    for line in re.findall(r"^\| (`[A-Z].*) \|$", CONFIGURATION, re.MULTILINE):
        first, _, default = re.split(r" \| ", line)
        found |= dict.fromkeys(re.findall("`([A-Z_]+)`", first), default)
    return found


def test_every_variable_is_listed_and_no_other() -> None:
    """What the sources name is what the page lists."""
    assert {name for name in documented() if OURS.fullmatch(name)} == read_variables()


def test_the_listed_defaults_are_those_of_the_configuration() -> None:
    """A default that changes must change on the page."""
    page, config = documented(), Config()
    for name, value in {
        "REFLEKT_STORE": config.store,
        "REFLEKT_TRASH_DAYS": config.trash_for.days,
        "JWT_ROLE_CLAIM": config.jwt_role_claim,
        "JWT_SCOPE_CLAIM": config.jwt_scope_claim,
        "JWT_LEEWAY_SECONDS": int(config.jwt_leeway.total_seconds()),
        "LOG_LEVEL": config.log_level,
        "DEBUG": str(config.debug).lower(),
        "STAGE": config.stage,
        "AI_PROVIDER": config.ai_providers[0],
    }.items():
        assert page[name].partition(";")[0].strip("`") == str(value)
    for name in ("JWT_SECRET_PREVIOUS", "JWT_JWKS_URL", "REFLEKT_CORS_ORIGINS"):
        assert page[name] == "none"
