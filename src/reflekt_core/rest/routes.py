"""Which operation a path and a method mean."""

from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from reflekt_core.errors import NotFound
from reflekt_core.operations import Operation
from reflekt_core.rest.problems import MethodNotAllowed

__all__ = ["Found", "Routes", "allowed", "is_documentation"]

T = TypeVar("T")

# A tag may hold slashes, so it takes all that is left of the path.
_REST_OF_PATH = "tag"


class Found(NamedTuple, Generic[T]):
    """What stands at a path: by method, with the value of the path's parameter."""

    methods: dict[str, T]
    parameter: str | None = None


class Routes(Generic[T]):
    """
    Finds what stands at a path.

    A path is ``/noun``, ``/noun/more``, ``/noun/{parameter}`` or ``/noun/{parameter}/more``; where
    two could be meant, the one without parameter is.
    """

    def __init__(self, rows: Iterable[tuple[Operation, T]]) -> None:
        self._static: dict[str, dict[str, T]] = {}
        self._by_id: dict[tuple[str, str], dict[str, T]] = {}
        self._by_rest: dict[str, dict[str, T]] = {}
        for operation, target in rows:
            self._methods(operation.path)[operation.method] = target

    def _methods(self, path: str) -> dict[str, T]:
        noun, _, rest = path[1:].partition("/{")
        name, _, more = rest.partition("}")
        if not name:
            return self._static.setdefault(path, {})
        if name == _REST_OF_PATH:
            return self._by_rest.setdefault(noun, {})
        return self._by_id.setdefault((noun, more.lstrip("/")), {})

    def at(self, path: str) -> Found[T]:
        """
        Return what stands at *path*.

        Raises:
            NotFound: Nothing does.
        """
        if methods := self._static.get(path):
            return Found(methods)
        noun, _, rest = path[1:].partition("/")
        if rest and path[0] == "/":
            if methods := self._by_rest.get(noun):
                return Found(methods, rest)
            value, slash, more = rest.partition("/")
            if value and bool(slash) == bool(more) and (methods := self._by_id.get((noun, more))):
                return Found(methods, value)
        raise NotFound("there is nothing at this path; /openapi.json lists what there is")

    def find(self, method: str, path: str) -> tuple[T, str | None]:
        """
        Return what *method* means at *path*, and the value of the path's parameter.

        Raises:
            NotFound: Nothing stands at the path.
            MethodNotAllowed: Something does, but not with this method.
        """
        methods, parameter = self.at(path)
        target = methods.get("GET" if method == "HEAD" else method)
        if target is None:
            raise MethodNotAllowed(allowed(methods))
        return target, parameter


def allowed(methods: Iterable[str]) -> str:
    """Return the value of an ``Allow`` header for a path that has *methods*."""
    every = {*methods, "OPTIONS"}
    return ", ".join(sorted(every | {"HEAD"} if "GET" in every else every))


def is_documentation(path: str) -> bool:
    """Tell whether *path* is for a page and not for an operation."""
    return path in {"/openapi.json", "/api-docs"} or path.startswith("/api-docs/")
