"""The functions' code as zips: what goes in, in which form, and what `verify` finds in others."""

import ast
import gzip
import hashlib
import importlib.util
import json
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflekt_chalice import deployment
from reflekt_chalice.deployment.bundle import (
    BundleError,
    archive,
    build,
    bytecode,
    verification,
    verify,
    wheels,
)
from reflekt_chalice.deployment.bundle.elf import is_native, native_problem
from reflekt_chalice.deployment.bundle.own import own_files
from reflekt_chalice.deployment.bundle.pruning import CALLED, kept
from reflekt_chalice.deployment.bundle.report import Artefact, Loaded, Report
from reflekt_chalice.deployment.bundle.target import ARTEFACTS, BYTECODE_MAGIC
from reflekt_chalice.deployment.bundle.verification import MANIFEST, problems_of
from reflekt_core.rest import docs

Files = dict[str, bytes]

ROOT = Path(__file__).parents[1]
LOCKS = Path(deployment.__file__).parent / "locks"
AARCH64, X86_64 = 183, 62


def elf(machine: int = AARCH64, *symbols: str) -> bytes:
    """Return a library for *machine* that asks for versions of symbols, and does nothing."""
    names = b"\0.shstrtab\0.dynstr\0.gnu.version_r\0"
    strings = b"\0libc.so.6\0"
    places = []
    for symbol in symbols:
        places.append(len(strings))
        strings += symbol.encode() + b"\0"
    needed = struct.pack("<HHIII", 1, len(symbols), 1, 16, 0) if symbols else b""
    for number, place in enumerate(places):
        more = 16 if number < len(places) - 1 else 0
        needed += struct.pack("<IHHII", 0, 0, number + 2, place, more)
    start = 64
    offsets = [start, start + len(names), start + len(names) + len(strings)]
    table = offsets[2] + len(needed)
    sections = [
        (0, 0, 0, 0, 0, 0),
        (1, 3, offsets[0], len(names), 0, 0),
        (11, 3, offsets[1], len(strings), 0, 0),
        (19, 0x6FFFFFFE, offsets[2], len(needed), 2, 1 if symbols else 0),
    ]
    headers = b"".join(
        struct.pack("<IIQQQQIIQQ", name, kind, 0, 0, offset, size, link, info, 1, 0)
        for name, kind, offset, size, link, info in sections
    )
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    head = struct.pack(
        "<HHIQQQIHHHHHH", 3, machine, 1, 0, 0, table, 0, 64, 0, 0, 64, len(sections), 1
    )
    return ident + head + names + strings + needed + headers


def pyc(source: bytes = b"", *, magic: bytes = BYTECODE_MAGIC, flags: int = 1) -> bytes:
    """Return the head of the bytecode of *source*."""
    import _imp  # noqa: PLC0415 - what the import system has for this

    key = int.from_bytes(BYTECODE_MAGIC, "little")
    return magic + flags.to_bytes(4, "little") + _imp.source_hash(key, source)


# ---- archives


@given(st.dictionaries(st.text("abc/.é", min_size=1), st.binary(max_size=99), max_size=9))
def test_a_zip_depends_on_its_files_alone(
    tmp_path_factory: pytest.TempPathFactory, files: Files
) -> None:
    """Neither the order of files, nor the time or the place of writing changes a byte of a zip."""
    folder = tmp_path_factory.mktemp("zips")
    archive.write_zip(folder / "one.zip", files)
    archive.write_zip(folder / "two.zip", dict(reversed(files.items())))
    assert (folder / "one.zip").read_bytes() == (folder / "two.zip").read_bytes()
    with zipfile.ZipFile(folder / "one.zip") as written:
        assert {name: written.read(name) for name in written.namelist()} == files
        assert written.namelist() == sorted(files)
        assert all(one.date_time == (1980, 1, 1, 0, 0, 0) for one in written.infolist())
        assert all(one.external_attr >> 16 == 0o100644 for one in written.infolist())


def test_a_record_names_every_file_with_its_digest() -> None:
    """The record of a distribution gives each file, whatever its name, and leaves its own digest out."""
    files = {"a,b/é.txt": b"x", "d-1.dist-info/METADATA": b"y"}
    recorded = archive.with_record(files)
    found = archive.read_record(recorded["d-1.dist-info/RECORD"])
    assert found == {
        **{name: archive.digest(content) for name, content in files.items()},
        "d-1.dist-info/RECORD": "",
    }


# ---- native code


def test_code_for_arm64_may_be_bundled() -> None:
    """Code for ARM64 is good, with symbols no newer than those of Amazon Linux 2023."""
    assert native_problem(elf(AARCH64)) is None
    assert native_problem(elf(AARCH64, "GLIBC_2.17", "GLIBC_2.34", "GCC_3.0")) is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (elf(X86_64), "is for x86_64, not for aarch64"),
        (elf(40), "is for arm, not for aarch64"),
        (elf(AARCH64, "GLIBC_2.17", "GLIBC_2.35"), "needs GLIBC_2.35"),
        (elf(AARCH64, "GLIBC_3.0"), "needs GLIBC_3.0"),
        (elf(AARCH64, "GLIBC_PRIVATE"), "needs GLIBC_PRIVATE"),
        (elf(AARCH64, "GLIBCXX_3.4.30"), "needs GLIBCXX_3.4.30"),
        (b"\x7fELF", "is damaged"),
        (elf()[:80], "is damaged"),
        (b"MZ\x90\0", "is no code for Linux"),
    ],
)
def test_other_native_code_is_refused(content: bytes, problem: str) -> None:
    """Code for another machine, too new for its libraries, or damaged, is named as such."""
    said = native_problem(content)
    assert said is not None
    assert said.startswith(problem)


@given(st.binary(max_size=300), st.integers(0, 300))
def test_no_code_breaks_the_check(noise: bytes, place: int) -> None:
    """Whatever stands in a file, the check says something about it or nothing, and never fails."""
    whole = elf(AARCH64, "GLIBC_2.17")
    native_problem(whole[:place] + noise + whole[place + len(noise) :])


def test_native_code_is_known_by_content_and_by_name() -> None:
    """A file is native code if it looks like it, or is called like it."""
    assert is_native("model.txt", elf())
    assert all(is_native(name, b"") for name in ("a.so", "a.so.1.2", "a.pyd", "a.dll", "a.dylib"))
    assert not is_native("a.sock", b"text")


# ---- locks


def requirements(extra: str | None) -> list[tuple[str, str]]:
    """Return names and ranges that the project asks for."""
    import tomllib  # noqa: PLC0415 - read here alone

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    rows = project["optional-dependencies"][extra] if extra else project["dependencies"]
    split = (re.fullmatch(r"([A-Za-z0-9._-]+)(.*)", row) for row in rows)
    return [(wheels.canonical(found[1]), found[2]) for found in split if found]


def in_range(version: str, spec: str) -> bool:
    """Tell whether *version* is in a range such as ``>=1,<2``."""
    number = _numbers(version)
    return all(
        number >= _numbers(part[2:]) if part.startswith(">=") else number < _numbers(part[1:])
        for part in spec.split(",")
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


@pytest.mark.parametrize(
    ("artefact", "extras"), [("base", [None]), ("ai", [None, "openai", "anthropic"])]
)
def test_a_lock_has_what_the_project_asks_for(artefact: str, extras: list[str | None]) -> None:
    """Each requirement stands in the lock, in the range that the project gives, with hashes."""
    lock = wheels.parse_lock(wheels.lock_text(artefact))
    for name, spec in [row for extra in extras for row in requirements(extra)]:
        assert in_range(lock[name].version, spec), name
    assert in_range(lock["chalice"].version, dict(requirements("aws"))["chalice"])
    assert all(row.hashes for row in lock.values())


def test_the_base_is_part_of_the_rest() -> None:
    """What stands in the base's lock stands in the other's, at the same versions; no vendor's SDK does."""
    base, ai = (wheels.parse_lock(wheels.lock_text(artefact)) for artefact in ARTEFACTS)
    assert {name: ai[name] for name in base} == base
    assert {"openai", "anthropic", "pydantic", "httpx2"} <= ai.keys() - base.keys()


@pytest.mark.parametrize("artefact", ARTEFACTS)
def test_no_tool_is_locked(artefact: str) -> None:
    """Nothing that only builds or deploys goes along, nor a whole copy of boto3."""
    locked = wheels.parse_lock(wheels.lock_text(artefact))
    left_out = (line.strip() for line in (LOCKS / "excludes.txt").read_text().splitlines())
    tools = {name for name in left_out if name and not name.startswith("#")}
    assert {"pip", "setuptools", "wheel"} <= tools
    assert not locked.keys() & {*tools, "boto3", "s3transfer", "pytest"}


def test_a_lock_tells_of_no_address() -> None:
    """A lock names no index: pip fetches from where it is set up to."""
    assert not any("://" in wheels.lock_text(artefact) for artefact in ARTEFACTS)


# ---- wheels and pip


def test_a_wheel_is_unpacked_as_pip_would(tmp_path: Path) -> None:
    """Libraries go to the top, scripts and headers nowhere."""
    path = tmp_path / "a-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name in (
            "a.py",
            "a-1.data/purelib/b.py",
            "a-1.data/platlib/c.so",
            "a-1.data/scripts/d",
        ):
            wheel.writestr(name, name)
    assert wheels.unpack(path).keys() == {"a.py", "b.py", "c.so"}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("/bin/python: No module named pip", "pip is missing"),
        (
            (
                "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n"
                "    attrs==26.1.0 from https://u:secret@x/attrs.whl:\n        Expected sha256 1"
            ),
            "attrs==26.1.0 is not what the lock says",
        ),
        (
            (
                "WARNING: Retrying: NewConnectionError('...')\n"
                "ERROR: No matching distribution found for attrs==26.1.0"
            ),
            "the package index cannot be reached",
        ),
        (
            (
                "ERROR: Could not find a version that satisfies the requirement cffi==2.1.1\n"
                "ERROR: No matching distribution found for cffi==2.1.1"
            ),
            "the package index has no wheel of cffi==2.1.1 for Python 3.13 on ARM64",
        ),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("ERROR: bad https://u:secret@x/simple/ answer", "pip failed: bad an address answer"),
        ("", "pip failed: no reason given"),
    ],
)
def test_what_pip_says_becomes_one_line(said: str, told: str) -> None:
    """A failure of pip is told in one line that says what to do, with no address and no password."""
    line = wheels._pip_problem(said.splitlines())
    assert line.startswith(told)
    assert "\n" not in line
    assert "secret" not in line


# ---- pruning


def test_what_does_not_run_stays_out() -> None:
    """Tests, stubs, sources in C, records of the installation, commands and our own tests stay out."""
    files = dict.fromkeys(
        (
            *("p/a.py", "p/tests/a.py", "p/a.pyi", "p/py.typed", "p/a.c", "p/latest/a.py"),
            *("p-1.dist-info/METADATA", "p-1.dist-info/RECORD", "p-1.dist-info/INSTALLER"),
        ),
        b"",
    )
    assert kept("p", files).keys() == {"p/a.py", "p/latest/a.py", "p-1.dist-info/METADATA"}
    ours = dict.fromkeys(
        ("reflekt_core/cli/x.py", "reflekt_core/testing/x.py", "reflekt_chalice/deployment/x.py"),
        b"",
    )
    assert kept("reflekt-journal", ours) == {}
    chalice = dict.fromkeys(
        ("chalice/app.py", "chalice/cli/__init__.py", "chalice/deploy/x.py"), b""
    )
    assert kept("chalice", chalice).keys() == {"chalice/app.py"}


def test_metadata_go_in_without_the_words_below_them() -> None:
    """Of a distribution's metadata the fields go in, which programs read."""
    found = kept("p", {"p-1.dist-info/METADATA": b"Name: p\r\nVersion: 1\r\n\r\n# Words"})
    assert found == {"p-1.dist-info/METADATA": b"Name: p\nVersion: 1\n"}


def test_the_page_is_the_same_packed(tmp_path: Path) -> None:
    """The documentation's large files go in packed, and are read as they were."""
    script = b"window.ui = 1;" * 99
    name = "swagger-ui-bundle.js"
    found = kept("reflekt-journal", {f"reflekt_core/rest/swagger/{name}": script})
    (path,) = found
    assert path.endswith(f"{name}.gz")
    assert len(found[path]) < len(script)
    (tmp_path / f"{name}.gz").write_bytes(found[path])
    assert docs._asset(tmp_path, name) == script
    (tmp_path / "whole.js").write_bytes(script)
    assert docs._asset(tmp_path, "whole.js") == script


def installed_botocore() -> Files:
    """Return the files of botocore that is installed here, as a wheel has them."""
    import botocore  # noqa: PLC0415 - of an extra

    folder = Path(botocore.__file__).parent
    names = ("endpoints.json", "_retry.json", "partitions.json", "sdk-default-configuration.json")
    paths = [folder / "data" / name for name in names]
    paths += [
        path for service in (*CALLED, "s3") for path in (folder / "data" / service).rglob("*.*")
    ]
    return {
        f"botocore/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in paths
        if path.is_file()
    }


def test_botocore_keeps_what_is_called(tmp_path: Path) -> None:
    """With the data that are left, botocore makes clients and reads answers; other services are gone."""
    left = kept("botocore", installed_botocore())
    for path, content in left.items():
        target = tmp_path / Path(path).relative_to("botocore/data")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    assert sum(map(len, left.values())) < 250_000
    assert not any("/s3/" in path for path in left)
    models = [content for path, content in left.items() if path.endswith("/service-2.json")]
    assert len(models) == len(CALLED)
    assert not any(b'"documentation":"' in model for model in models)
    program = """
import json, sys
import botocore.loaders, botocore.session
session = botocore.session.Session(include_builtin_handlers=True)
loader = botocore.loaders.Loader(include_default_search_paths=False)
loader.search_paths.append(sys.argv[1])
session.register_component("data_loader", loader)
session.set_credentials("nobody", "nothing")
found = {}
for service, operations in json.loads(sys.argv[2]).items():
    client = session.create_client(service, region_name="eu-west-1")
    found[service] = [client.meta.endpoint_url, sorted(client.meta.method_to_api_mapping.values())]
    assert all(client.meta.service_model.operation_model(name).output_shape for name in operations)
print(json.dumps(found))
"""
    arguments = [sys.executable, "-c", program, str(tmp_path), json.dumps(CALLED)]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == {
        service: [f"https://{service}.eu-west-1.amazonaws.com", sorted(operations)]
        for service, operations in CALLED.items()
    }


def test_every_operation_that_is_called_is_left() -> None:
    """Whatever the store on DynamoDB asks for is in the table that pruning goes by."""
    import reflekt_core.stores.dynamodb as store  # noqa: PLC0415 - of an extra

    trees = [ast.parse(path.read_text()) for path in Path(store.__file__).parent.glob("*.py")]
    asked = {
        node.args[0].value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "call"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert asked
    assert asked <= set(CALLED["dynamodb"])


# ---- bytecode


def test_bytecode_is_checked_against_its_source() -> None:
    """Bytecode of another Python, one that is compared at every start, or of another source, is named."""
    source = b"x = 1\n"
    assert bytecode.bytecode_problem(pyc(source), source) is None
    assert bytecode.bytecode_problem(pyc(source)) is None
    cases: dict[bytes, str] = {
        pyc(source, magic=b"\xcb\x0d\r\n"): "is not for Python 3.13",
        pyc(source, flags=3): "would be compared",
        pyc(source, flags=0): "would be compared",
        pyc(b"x = 2\n"): "is not of the source",
        b"": "is not for Python 3.13",
    }
    for content, problem in cases.items():
        assert str(bytecode.bytecode_problem(content, source)).startswith(problem)


def test_bytecode_is_made_by_the_right_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compiled is of its source, names the place where it will be, and is the same each time."""
    try:
        python = bytecode.find_python()
    except BundleError as error:
        pytest.skip(str(error))
    sources = {
        "a.py": b"def f():\n    'Words.'\n    return {'x', 'y', 'z'} | {'w'}\n",
        "p/__init__.py": b"y = 2\n",
    }
    made = bytecode.compiled(sources, python)
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    assert made == bytecode.compiled(sources, python)
    assert made.keys() == {"a.pyc", "p/__init__.pyc"}
    for path, content in made.items():
        assert bytecode.bytecode_problem(content, sources[path[:-1]]) is None
    assert b"/var/task/a.py" in made["a.pyc"]
    with pytest.raises(BundleError, match="bytecode cannot be made"):
        bytecode.compiled({"a.py": b"def\n"}, python)


def test_without_the_right_python_a_line_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no Python 3.13 on the machine, nothing is built, and one line says what to install."""
    other = tmp_path / "python3.13"
    other.write_text("#!/bin/sh\necho cpython-313 cb0d0d0a /early/release\n")
    other.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(other))
    environ = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    with pytest.raises(BundleError, match=r"no Python 3\.13 .* `uv python install 3\.13`"):
        bytecode.find_python(environ)


# ---- verify


@pytest.fixture
def own() -> Files:
    """Return a small package of ours."""
    return {
        "reflekt_journal-0.1.0.dist-info/METADATA": b"Name: reflekt-journal\nVersion: 0.1.0\n",
        "reflekt_core/__init__.py": b"x = 1\n",
        "reflekt_core/words.txt": b"words",
    }


@pytest.fixture
def files(own: Files) -> Files:
    """Return the files of a small base.zip in which nothing is wrong."""
    lock = wheels.lock_text("base")
    inside: Files = {}
    names = {}
    for row in wheels.parse_lock(lock).values():
        package = row.name.replace("-", "_")
        names[f"{package}-{row.version}-py3-none-any.whl"] = min(row.hashes)
        part = {
            f"{package}-{row.version}.dist-info/METADATA": b"Name: x\n",
            f"{package}/__init__.pyc": pyc(),
            f"{package}/native.so": elf(AARCH64, "GLIBC_2.28"),
        }
        inside |= archive.with_record(part)
    ours = kept("reflekt-journal", own)
    source = ours.pop("reflekt_core/__init__.py")
    inside |= archive.with_record({**ours, "reflekt_core/__init__.pyc": pyc(source)})
    said = {
        "artefact": "base",
        "lock": hashlib.sha256(lock.encode()).hexdigest(),
        "python": "3.13",
        "wheels": names,
    }
    return {**inside, MANIFEST: json.dumps(said).encode()}


def test_a_good_bundle_passes(files: Files, own: Files) -> None:
    """Of a bundle in which nothing is wrong, nothing is said."""
    assert problems_of(files, own) == ()


def manifest(**changes: Any) -> Callable[[Files], None]:
    """Return what changes what a bundle says of itself."""

    def change(files: Files) -> None:
        files[MANIFEST] = json.dumps({**json.loads(files[MANIFEST]), **changes}).encode()

    return change


def recorded(path: str, content: bytes) -> Callable[[Files], None]:
    """Return what puts a file into a bundle, and into a record, too."""

    def change(files: Files) -> None:
        record = next(
            name for name in files if name.endswith("/RECORD") and name.startswith("attrs")
        )
        row = f"{path},sha256={archive.digest(content)},{len(content)}\n".encode()
        old = [
            line
            for line in files[record].splitlines(keepends=True)
            if not line.startswith(f"{path},".encode())
        ]
        files[record] = b"".join(old) + row
        files[path] = content

    return change


def version_of(name: str) -> str:
    """Return the version that the lock names."""
    return wheels.parse_lock(wheels.lock_text("base"))[name].version


FAULTS: dict[str, tuple[Callable[[Files], object], str]] = {
    "a foreign file": (lambda f: f.update({"x.txt": b""}), "x.txt belongs to no package"),
    "a foreign executable": (recorded("x", elf(X86_64)), "x is for x86_64, not for aarch64"),
    "a changed file": (
        lambda f: f.update({"attrs/native.so": elf()}),
        "attrs/native.so is not what its package's record says",
    ),
    "a lost file": (lambda f: f.pop("attrs/native.so"), "attrs/native.so is missing"),
    "code for another machine": (
        recorded("attrs/native.so", elf(X86_64)),
        "attrs/native.so is for x86_64, not for aarch64",
    ),
    "too new a symbol": (
        recorded("attrs/native.so", elf(AARCH64, "GLIBC_2.38")),
        "attrs/native.so needs GLIBC_2.38, which the runtime does not have",
    ),
    "code for another system": (recorded("a.pyd", b"MZ"), "a.pyd is no code for Linux"),
    "bytecode of another Python": (
        recorded("attrs/__init__.pyc", pyc(magic=b"\xcb\x0d\r\n")),
        "attrs/__init__.pyc is not for Python 3.13",
    ),
    "bytecode with a time": (
        recorded("attrs/__init__.pyc", pyc(flags=0)),
        "attrs/__init__.pyc would be compared with its source at every start",
    ),
    "source": (
        recorded("attrs/more.py", b""),
        "attrs/more.py is source, which Python would compile at every start",
    ),
    "our code, of another day": (
        recorded("reflekt_core/__init__.pyc", pyc(b"x = 2\n")),
        "reflekt_core/__init__.pyc is not of the source that is installed here",
    ),
    "our data, of another day": (
        recorded("reflekt_core/words.txt", b"other"),
        "reflekt_core/words.txt is not what is installed here",
    ),
    "no manifest": (
        lambda f: f.pop(MANIFEST),
        f"{MANIFEST} is missing or damaged: no build of ours",
    ),
    "a manifest that is none": (
        lambda f: f.update({MANIFEST: b"[]"}),
        f"{MANIFEST} is missing or damaged: no build of ours",
    ),
    "an unknown artefact": (
        manifest(artefact="../base"),
        f"{MANIFEST} is missing or damaged: no build of ours",
    ),
    "another lock": (
        manifest(lock="0"),
        "it was built from other locks than those of this version",
    ),
    "another target": (manifest(python="3.12"), "it was built for another Python than 3.13"),
    "another wheel": (
        manifest(wheels={f"attrs-{version_of('attrs')}-py3-none-any.whl": "0" * 64}),
        f"attrs-{version_of('attrs')}-py3-none-any.whl is not the wheel that the lock names",
    ),
    "no wheels": (manifest(wheels=None), "attrs is not the wheel that the lock names"),
    "a package of ours of another version": (
        lambda f: f.update(
            {
                "reflekt_journal-0.2.0.dist-info/METADATA": f.pop(
                    "reflekt_journal-0.1.0.dist-info/METADATA"
                )
            }
        ),
        "reflekt_journal-0.1.0.dist-info/METADATA is missing",
    ),
    "a package more": (
        recorded("pip-1.dist-info/METADATA", b""),
        "pip 1 does not belong there",
    ),
    "a package less": (
        lambda f: [f.pop(path) for path in [*f] if path.startswith("attrs")],
        f"attrs {version_of('attrs')} is missing",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_planted_fault_is_found(files: Files, own: Files, fault: str) -> None:
    """Whatever is wrong with a bundle is said in a line that names it."""
    plant, line = FAULTS[fault]
    plant(files)
    assert line in problems_of(files, own)


def test_what_is_no_zip_is_named(tmp_path: Path) -> None:
    """A file that is missing, or no zip, is one finding."""
    (tmp_path / "x.zip").write_bytes(b"PK")
    assert verify(tmp_path / "x.zip") == ("x.zip is no zip, or a damaged one",)
    (line,) = verify(tmp_path / "y.zip")
    assert line.endswith("No such file or directory")


def test_what_lambda_does_not_unpack_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A zip that is too large, unpacked, is one finding, and is not read."""
    monkeypatch.setattr(verification, "_MOST_BYTES", 3)
    archive.write_zip(tmp_path / "x.zip", {"a": b"four"})
    assert verify(tmp_path / "x.zip") == ("x.zip is larger than Lambda takes",)


def test_a_name_that_stands_twice_is_found(tmp_path: Path) -> None:
    """A zip that holds two files of one name is refused: who unpacks it may take either."""
    needs_installation()
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as twice:
        twice.writestr("a", "1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            twice.writestr("a", "2")
    assert "x.zip holds a name twice" in verify(tmp_path / "x.zip")


# ---- building


def needs_installation() -> None:
    """Skip where our own package has no metadata: it runs from a folder."""
    try:
        distribution("reflekt-journal")
    except PackageNotFoundError:
        pytest.skip("reflekt-journal is not installed, so it cannot be bundled")


def test_our_own_code_comes_from_the_installation() -> None:
    """The installed package goes in, with its metadata and data, and without traces of the installation."""
    needs_installation()
    found = own_files()
    assert {"reflekt_core/__init__.py", "reflekt_chalice/functions.py"} <= found.keys()
    assert "reflekt_core/rest/swagger/swagger-ui.css" in found
    about = distribution("reflekt-journal")
    metadata = found[f"reflekt_journal-{about.version}.dist-info/METADATA"].decode()
    assert f"\nVersion: {about.version}\n" in metadata
    assert not any("__pycache__" in path or path.endswith("RECORD") for path in found)


def test_a_build_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When pip has nowhere to fetch from, one line says so, and an earlier bundle stays as it was."""
    needs_installation()
    try:
        bytecode.find_python()
    except BundleError as error:
        pytest.skip(str(error))
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "base.zip").write_bytes(b"earlier")
    with pytest.raises(BundleError, match="the package index has no wheel of "):
        build(tmp_path, clean=True, say=lambda _: None)
    assert [path.name for path in tmp_path.iterdir()] == ["base.zip"]
    assert (tmp_path / "base.zip").read_bytes() == b"earlier"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """If the folder for the zips is a file, one line names it."""
    needs_installation()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BundleError, match="file"):
        build(tmp_path / "file", say=lambda _: None)


# ---- report


def test_the_report_says_what_weighs_most() -> None:
    """The table names each zip and function with what weighs most in it, or why that is not known."""
    report = Report(
        (Artefact(name="base", zipped=1_000_000, sizes={"a": 1_500_000, "b": 2_500_000}),),
        (
            Loaded(path="entries", artefact="base", sizes={"a": 10_000, "b": 20_000}),
            Loaded(
                path="ai with openai", artefact="ai", sizes={}, unknown="openai is not installed"
            ),
        ),
    )
    text = "\n".join(report.lines())
    assert re.search(r"base\.zip +4\.00  1\.00 zipped; b 2\.50, a 1\.50", text)
    assert re.search(r"entries +0\.03  b 0\.02, a 0\.01", text)
    assert re.search(r"ai with openai +\?  openai is not installed", text)


def test_the_probe_tells_what_a_function_loads() -> None:
    """The authorizer loads no Chalice and no botocore; who answers requests loads the store."""
    spec = importlib.util.find_spec("reflekt_chalice.deployment.bundle.probe")
    assert spec is not None
    found = {}
    for name in ("authorizer", "entries"):
        command = [sys.executable, "-m", spec.name, name]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found[name] = set(json.loads(done.stdout.splitlines()[-1]))
    assert "reflekt_chalice.authorizer" in found["authorizer"]
    assert not {"chalice", "botocore", "cryptography"} & found["authorizer"]
    assert {"chalice.app", "reflekt_core.stores.dynamodb.entries"} <= found["entries"]


def test_a_gzip_depends_on_its_content_alone() -> None:
    """What goes in packed has no time and no name in it."""
    path = "reflekt_core/rest/swagger/swagger-ui.css"
    packed = kept("reflekt-journal", {path: b"a {}"})[f"{path}.gz"]
    assert packed[4:8] == bytes(4)
    assert gzip.decompress(packed) == b"a {}"
