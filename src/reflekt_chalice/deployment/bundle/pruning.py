"""What of a distribution a function needs. What is left out is written down here, with its reason."""

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

__all__ = ["CALLED", "kept", "pruned_botocore"]

Files = Mapping[str, bytes]

_NEVER: Final = (
    "*/tests/*",
    "*/test/*",
    "*.pyi",  # for type checkers, as is py.typed
    "*/py.typed",
    "*.pyc",  # made anew
    "*.c",
    "*.h",
    "*.pxd",
    "*.pyx",
    "*.dist-info/INSTALLER",
    "*.dist-info/RECORD",  # written anew, of what is left
    "*.dist-info/REQUESTED",
    "*.dist-info/direct_url.json",
    "*.dist-info/uv_*",
    "*.dist-info/sboms/*",
)

_ONLY: Final[Mapping[str, tuple[str, ...]]] = {
    # The rest of it packages and deploys.
    "chalice": ("chalice/__init__.py", "chalice/app.py", "*.dist-info/*"),
    # cryptography loads the backend, and nothing else of it.
    "cffi": ("_cffi_backend.*", "*.dist-info/*"),
}

_WITHOUT: Final[Mapping[str, tuple[str, ...]]] = {
    # Zones are read from their own files; these are what those were made of.
    "tzdata": ("tzdata/zoneinfo/*.zi", "tzdata/zoneinfo/*.tab", "tzdata/zoneinfo/leap*"),
    # A copy of tzdata, and calendars: botocore reads times with it.
    "python-dateutil": ("dateutil/easter.py", "dateutil/rrule.py", "dateutil/zoneinfo/*"),
    "urllib3": ("urllib3/contrib/emscripten/*",),  # for browsers
    "reflekt-journal": (
        "reflekt_core/__main__.py",
        "reflekt_core/cli/*",
        "reflekt_core/client/*",
        "reflekt_core/evaluation.py",
        "reflekt_core/formats/*",
        "reflekt_core/notebook/*",
        "reflekt_core/providers/local/made.txt",  # what the model is trained with
        "reflekt_core/providers/local/training.py",
        "reflekt_core/services/importing.py",
        "reflekt_core/stores/sqlite/*",
        "reflekt_core/testing/*",
        "reflekt_core/*/wsgi.py",
        "reflekt_chalice/deployment/*",
        "reflekt_chalice/redrive.py",
    ),
}

_PACKED: Final = ("reflekt_core/rest/swagger/*.js", "reflekt_core/rest/swagger/*.css")
"""What is read packed, too."""

CALLED: Final[Mapping[str, tuple[str, ...]]] = {
    "dynamodb": ("BatchGetItem", "GetItem", "Query", "TransactWriteItems"),
    "events": ("PutEvents",),
    "ssm": ("GetParameter",),
}
"""What functions ask of Amazon's services. botocore knows no other operation there."""

_DATA: Final = "botocore/data/"
_WHOLE: Final = ("_retry.json", "partitions.json", "sdk-default-configuration.json")
_WORDS: Final = frozenset({"documentation", "documentationUrl"})


def kept(distribution: str, files: Files) -> dict[str, bytes]:
    """Return those *files* of a distribution that run in a function."""
    only = _ONLY.get(distribution, ("*",))
    never = (*_NEVER, *_WITHOUT.get(distribution, ()))
    left = {
        path: content
        for path, content in files.items()
        if _matches(path, only) and not _matches(path, never)
    }
    if distribution == "botocore":
        left = pruned_botocore(left)
    return dict(_shortened(path, content) for path, content in left.items())


def _shortened(path: str, content: bytes) -> tuple[str, bytes]:
    """Return a file as it goes in."""
    if path.endswith(".dist-info/METADATA"):  # without the text that follows its fields
        return path, content.replace(b"\r\n", b"\n").partition(b"\n\n")[0] + b"\n"
    if _matches(path, _PACKED):
        return f"{path}.gz", gzip.compress(content, mtime=0)
    return path, content


def pruned_botocore(files: Files) -> dict[str, bytes]:
    """
    Return botocore with the data of what is called, and no other.

    Its data are nine tenths of it. Making a client reads the addresses of all services, looks
    through the folders of all, and parses every operation of its own.
    """
    code = {path: content for path, content in files.items() if not path.startswith(_DATA)}
    whole = {f"{_DATA}{name}": files[f"{_DATA}{name}"] for name in _WHOLE}
    return {**code, **whole, **_endpoints(files), **dict(_services(files))}


def _matches(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def _endpoints(files: Files) -> dict[str, bytes]:
    path = f"{_DATA}endpoints.json"
    data = json.loads(files[path])
    for partition in data["partitions"]:
        services = partition["services"]
        partition["services"] = {name: services[name] for name in services if name in CALLED}
    return {path: _json(data)}


def _services(files: Files) -> Iterator[tuple[str, bytes]]:
    for service, operations in CALLED.items():
        version = max(path.split("/")[3] for path in files if path.startswith(f"{_DATA}{service}/"))
        place = f"{_DATA}{service}/{version}"
        rules = _unpacked(files, f"{place}/endpoint-rule-set-1.json")
        model = _unpacked(files, f"{place}/service-2.json")
        yield f"{place}/endpoint-rule-set-1.json", _json(rules)
        yield f"{place}/service-2.json", _json(_only(model, operations))


def _unpacked(files: Files, path: str) -> Any:
    packed = files.get(f"{path}.gz")
    return json.loads(gzip.decompress(packed) if packed is not None else files[path])


def _only(model: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return a service's model with the operations called *names*, and the shapes they need."""
    operations = {name: _wordless(model["operations"][name]) for name in names}
    shapes = _wordless(model["shapes"])
    needed: set[str] = set()
    open_ = [*_shapes_in(operations)]
    while open_:
        name = open_.pop()
        if name not in needed:
            needed.add(name)
            open_ += _shapes_in(shapes[name])
    used = {name: shape for name, shape in shapes.items() if name in needed}
    return {
        "version": model["version"],
        "metadata": model["metadata"],
        "operations": operations,
        "shapes": used,
    }


def _wordless(value: Any) -> Any:
    """Return *value* without what is written for people."""
    if isinstance(value, dict):
        return {
            name: _wordless(part)
            for name, part in value.items()
            # A shape's member may be called so, too: then it is no text.
            if name not in _WORDS or not isinstance(part, str)
        }
    return [_wordless(part) for part in value] if isinstance(value, list) else value


def _shapes_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        name = value.get("shape")
        if isinstance(name, str):
            yield name
        for part in value.values():
            yield from _shapes_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from _shapes_in(part)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
