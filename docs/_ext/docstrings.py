"""
What our docstrings and annotations are to Sphinx.

Docstrings have sections as Google's do; a line beside an attribute is words alone. Annotations name
what is imported for type checkers only, and carry rules for input: readers see the types.
"""

import ast
import linecache
import pkgutil
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import Enum, EnumType
from importlib import import_module
from inspect import getsource
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final, get_type_hints

from sphinx.domains.python import PythonDomain
from sphinx.ext.napoleon import Config
from sphinx.ext.napoleon.docstring import GoogleDocstring

import reflekt_chalice
import reflekt_core

if TYPE_CHECKING:
    from docutils.nodes import reference
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

__all__ = ["setup"]

_STYLE: Final[Any] = Config(napoleon_use_rtype=False)
_WORDS_ALONE: Final = frozenset({"attribute", "data", "property"})
_OUR_BUSINESS: Final = re.compile(r": [~\w.]*\b(_\w+|Context)\b")
_UNREADABLE: Final = {  # what is no Python keeps Sphinx from reading a whole signature
    r"= NOTHING\b": "= ...",
    r"<function \w+( at \w+)?>": "...",
    r"<(\w+\.\w+): [^<>]*>": r"\1",
    r"~(typing\.)?~?P\b": "P",
}
_PROGRAMS: Final = ("__main__", "cli", "deployment", "training", "handlers")


def _process(  # noqa: PLR0913, PLR0917 - as Sphinx calls it
    app: "Sphinx", what: Any, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    if what == "module":
        lines[:] = _literal(lines)
    elif what not in _WORDS_ALONE:
        lines[:] = GoogleDocstring(lines, _STYLE, app, what, name, thing, options).lines()
    if isinstance(thing, EnumType):
        members: list[Enum] = list(thing)
        lines += ["", f"One of {', '.join(f'``{member.value}``' for member in members)}.", ""]


def _literal(lines: Sequence[str]) -> Iterator[str]:
    """Return *lines* with what is indented shown as it stands."""
    before = ""
    for line in lines:
        if line.startswith("    ") and not before.startswith("    ") and not before.endswith("::"):
            yield from ("::", "")
        if line.strip():
            before = line
        yield line


def _skip(app: "Sphinx", what: str, name: str, *told: Any) -> bool | None:
    """Leave out the tests of contracts: the ports say what they ask for."""
    del app, what, told
    return True if name.startswith("test_") else None


def _sign(  # noqa: PLR0913, PLR0917 - as Sphinx calls it
    app: "Sphinx", what: str, name: str, thing: Any, options: Any, signature: str, returns: str
) -> tuple[str, str] | None:
    """Leave out how classes are made that Reflekt alone makes, and say defaults as one writes them."""
    del app, name, options
    if not signature:
        return None
    if what == "class" and (isinstance(thing, EnumType) or _OUR_BUSINESS.search(signature)):
        return "", returns
    for told, written in _UNREADABLE.items():
        signature = re.sub(told, written, signature)
    names = vars(sys.modules[thing.__module__]) if hasattr(thing, "__module__") else {}
    return re.sub(r"(?<== )_[A-Z]+\b", lambda own: repr(names[own[0]]), signature), returns


def _show_types(app: "Sphinx") -> None:
    """Let every annotation be the type that it names, and every default the value that it is."""
    del app
    modules = [module for package in (reflekt_core, reflekt_chalice) for module in _within(package)]
    for name in [name for name in linecache.cache if name.startswith("<attrs generated")]:
        del linecache.cache[name]  # else Sphinx reads defaults from it, by names of attrs' own
    for module in modules:
        _import_for_types(module)
    for module in modules:
        for thing in list(vars(module).values()):
            if getattr(thing, "__module__", None) == module.__name__:
                _resolve(thing, module.__name__)


def _within(package: ModuleType) -> Iterator[ModuleType]:
    yield package
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if found.name.rpartition(".")[2] in _PROGRAMS:
            continue
        module = import_module(found.name)
        yield from _within(module) if found.ispkg else [module]


def _import_for_types(module: ModuleType) -> None:
    """Import what *module* imports for type checkers only; all is loaded, so no circle is left."""
    for part in ast.parse(getsource(module)).body:
        if isinstance(part, ast.If) and ast.unparse(part.test) == "TYPE_CHECKING":
            for line in part.body:
                block = ast.Module([line], type_ignores=[])
                with suppress(ModuleNotFoundError):  # type checkers bring modules of their own
                    exec(compile(block, module.__name__, "exec"), vars(module))  # noqa: S102 - our own


def _resolve(thing: Any, module: str) -> None:
    if isinstance(thing, type):
        own = set(vars(thing).get("__annotations__", ()))
        hints = get_type_hints(thing)
        thing.__annotations__ = {name: hints[name] for name in hints if name in own}
        for inner in list(vars(thing).values()):
            if not isinstance(inner, type):
                _resolve(inner, module)
    elif isinstance(thing, property) and thing.fget:
        _resolve(thing.fget, module)
    elif isinstance(thing, classmethod | staticmethod):
        _resolve(thing.__func__, module)
    elif isinstance(thing, FunctionType):
        with suppress(NameError, TypeError):  # names and forms that only type checkers know
            thing.__annotations__ = get_type_hints(thing, vars(sys.modules[module]))


def _find(
    app: "Sphinx", env: "BuildEnvironment", node: "pending_xref", shown: Any
) -> "reference | None":
    """Return a link to the one thing in the reference that is called so, in whatever module."""
    domain = env.get_domain("py")
    if node.get("refdomain") != "py" or not isinstance(domain, PythonDomain):
        return None
    last = str(node["reftarget"]).rpartition(".")[2]
    homes = [
        name
        for name, thing in domain.objects.items()
        if name.rpartition(".")[2] == last and last[0].isupper() and not thing.aliased
    ]
    if len(homes) != 1:
        return None
    page, builder = node["refdoc"], app.builder
    return domain.resolve_xref(env, page, builder, "obj", homes[0], node, shown)


def setup(app: "Sphinx") -> dict[str, bool]:
    """Read docstrings our way, and look for what is not found by its whole name."""
    app.connect("builder-inited", _show_types)
    app.connect("autodoc-process-docstring", _process)
    app.connect("autodoc-process-signature", _sign)
    app.connect("autodoc-skip-member", _skip)
    app.connect("missing-reference", _find)
    return {"parallel_read_safe": True}
