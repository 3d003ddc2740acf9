"""
One session for each question we ask of the code.

Plain ``nox`` asks them all. ``nox -s tests`` runs the tests alone; ``nox -s tests -- -k search`` hands what
follows the dashes to pytest.
"""

import base64
import hashlib
import json
import re
import shutil
import tarfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "types", "architecture", "tests", "tests_minimal", "api", "docs"]

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = ["3.11", "3.12", "3.13"]
EXTRAS = "[client,serve,openai,anthropic,dynamodb,aws,notebook]"


def groups(*names: str) -> list[str]:
    """Return the requirements of dependency groups."""
    return nox.project.dependency_groups(PROJECT, *names)


def install_wheel(session: nox.Session, extras: str = "") -> None:
    """Build the wheel and install it, so that what is tested is what users get."""
    dist = Path(session.create_tmp()) / "dist"
    session.install("build")
    session.run("python", "-m", "build", "--wheel", "--outdir", str(dist), ".", silent=True)
    newest = max(dist.glob("*.whl"), key=lambda wheel: wheel.stat().st_mtime)
    session.install("--force-reinstall", "--no-deps", str(newest))
    session.install(f"{newest}{extras}")


@nox.session
def lint(session: nox.Session) -> None:
    """Is the code in our style?"""
    session.install(*groups("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


TYPED_EXAMPLES = [
    *("examples/client_script.py", "examples/custom_provider.py", "examples/first_steps.py"),
    *("examples/fastapi_app.py", "examples/flask_app.py"),
    *("examples/custom_store/documents.py", "examples/custom_store/store.py"),
    "examples/custom_store/__main__.py",
]
TYPED_PAGES = [
    *("README.md", "docs/index.md", "docs/reference/library.md", "docs/reference/client.md"),
    "docs/reference/errors.md",
]
AS_A_READER = [
    "--strict",
    *(f"--allow-{what}" for what in ("untyped-defs", "incomplete-defs", "untyped-calls")),
]


@nox.session
def types(session: nox.Session) -> None:
    """Do the types hold, strictly?"""
    session.install("-e", f".{EXTRAS}", *groups("types"))
    session.run("mypy")
    session.run("mypy", "tests/client_types.py")
    session.run("mypy", *TYPED_EXAMPLES)
    session.run("mypy", *map(str, Path("docs/_ext").glob("*.py")))
    for page in TYPED_PAGES:
        text = Path(page).read_text("utf-8")
        code = "\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
        session.run("mypy", "--config-file=", *AS_A_READER, "-c", code)


@nox.session
def architecture(session: nox.Session) -> None:
    """Do imports point down?"""
    session.install("-e", f".{EXTRAS}", *groups("architecture"))
    session.run("lint-imports")


@nox.session
def tests(session: nox.Session) -> None:
    """Does the installed wheel do what it should, with the Python at hand?"""
    _test(session)


@nox.session(python=PYTHONS)
def tests_on(session: nox.Session) -> None:
    """Does it on every Python we promise?"""
    _test(session)


def install_emulators(session: nox.Session) -> None:
    """Fetch what `tests/emulators` pins, if npm is there; without it those tests are skipped."""
    if shutil.which("npm"):
        session.run("npm", "ci", "--prefix", "tests/emulators", "--silent", external=True)
    else:
        session.warn("no npm: tests that need a DynamoDB emulator will be skipped")


def _test(session: nox.Session) -> None:
    install_wheel(session, EXTRAS)
    install_emulators(session)
    session.install(*groups("test"))
    session.run("pytest", "-n", "auto", "--dist", "worksteal", *session.posargs)


NEED_EXTRAS = (
    "ai_faults",
    "amazon",
    "anthropic",
    "aws_bundle",
    "aws_commands",
    "aws_smoke",
    "aws_stack",
    "aws_template",
    "chalice",
    "chalice_accounts",
    "chalice_authorizer",
    "chalice_functions",
    "chalice_requests",
    "chalice_redrive",
    "chalice_secrets",
    "chalice_triggers",
    "cli",
    "cli_display",
    "cli_media",
    "cli_providers",
    "cli_remote",
    "cli_transfer",
    "client",
    "client_parity",
    "howto_back_up",
    "howto_export_and_erase",
    "howto_identity_provider",
    "howto_rotate_secrets",
    "howto_tutorial",
    "language_model",
    "notebook_frames",
    "notebook_plots",
    "notebooks",
    "openai",
    "transport",
    "serve",
    "wsgi",
    "docs_page",
    "openapi",
    "documentation",
    "reference_pages",
    "dynamodb",
    "dynamodb_capacity",
    "dynamodb_faults",
    "examples_client",
    "examples_fastapi",
    "examples_flask",
    "examples_service",
    "howto_own_parts",
    "rest",
)


@nox.session
def tests_minimal(session: nox.Session) -> None:
    """Does the library work with no extra installed?"""
    install_wheel(session)
    session.install(*groups("minimal"))
    ignored = [f"--ignore=tests/test_{name}.py" for name in NEED_EXTRAS]
    session.run("pytest", "-n", "auto", *ignored, *session.posargs)


@nox.session
def tests_lowest(session: nox.Session) -> None:
    """Does it with the oldest dependencies we allow?"""
    session.install("uv")
    session.run("uv", "pip", "install", "--resolution", "lowest-direct", f".{EXTRAS}", silent=True)
    install_emulators(session)
    session.install(*groups("test"))
    session.run("pytest", "-n", "auto", *session.posargs)


@nox.session
def api(session: nox.Session) -> None:
    """Does the served API keep to its own OpenAPI document, whatever is sent?"""
    install_wheel(session, "[serve]")
    session.install(*groups("api"))
    session.run("python", "tests/fuzz_api.py", *session.posargs)


SWAGGER = Path("src/reflekt_core/rest/swagger")
SWAGGER_FILES = (
    "swagger-ui-bundle.js",
    "swagger-ui-bundle.js.LICENSE.txt",
    "swagger-ui.css",
    "favicon-32x32.png",
    "LICENSE",
    "NOTICE",
)


@nox.session(venv_backend="none")
def swagger(session: nox.Session) -> None:
    """Which is the newest documentation page? Packs swagger-ui-dist 5 anew; needs npm."""
    folder = Path(session.create_tmp())
    said = session.run(
        *("npm", "pack", "swagger-ui-dist@5", "--json", "--pack-destination", str(folder)),
        external=True,
        silent=True,
    )
    (packed,) = json.loads(str(said))
    archive = folder / packed["filename"]
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if packed["integrity"] != f"sha512-{digest}":
        session.error("what npm fetched is not what it announced")
    with tarfile.open(archive) as files:
        for name in SWAGGER_FILES:
            packed_file = files.extractfile(f"package/{name}")
            (SWAGGER / name).write_bytes(packed_file.read() if packed_file else b"")
    hashes = {
        name: hashlib.sha256((SWAGGER / name).read_bytes()).hexdigest()
        for name in sorted(SWAGGER_FILES)
    }
    origin = {
        "package": "swagger-ui-dist",
        "version": packed["version"],
        "integrity": packed["integrity"],
        "sha256": hashes,
    }
    (SWAGGER / "origin.json").write_text(json.dumps(origin, indent=2) + "\n")


@nox.session
def benchmarks(session: nox.Session) -> None:
    """How fast is it, against a bare floor measured in the same run?"""
    install_wheel(session, "[serve,aws]")
    session.install("fastapi", "mangum", "pynamodb")  # what functions on AWS are compared with
    install_emulators(session)
    for script in sorted(Path("benchmarks").glob("bench_*.py")):
        session.run("python", str(script), *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Which lines does no test run?"""
    session.install("-e", f".{EXTRAS}", "pytest-cov", *groups("test"))
    install_emulators(session)
    session.run(
        "pytest", "-n", "auto", "--cov=reflekt_core", "--cov-report=term-missing:skip-covered"
    )


@nox.session
def docs(session: nox.Session) -> None:
    """Does the documentation build, with every link and name in it leading somewhere?"""
    install_wheel(session, EXTRAS)
    session.install(*groups("docs"))
    session.run(
        *("sphinx-build", "--builder", "html", "--nitpicky", "--fail-on-warning", "--keep-going"),
        *("--fresh-env", "--doctree-dir", str(Path(session.create_tmp()) / "doctrees")),
        *("docs", "docs-html", *session.posargs),
    )
    # Autodoc loads modules anew, and limits would be left out of fields whose rules it replaced.
    if "at most 200 characters" not in Path("docs-html/reference/api.html").read_text("utf-8"):
        session.error("the page of operations does not say the limits of fields")


@nox.session
def build(session: nox.Session) -> None:
    """Does the distribution build, and hold what it should?"""
    session.install("build", "twine")
    session.run("python", "-m", "build", "--outdir", "dist", ".")
    session.run("twine", "check", "--strict", *map(str, Path("dist").glob("*")))


@nox.session
def template(session: nox.Session) -> None:
    """Is the template what CloudFormation takes, before and after SAM, and is it as safe as it can be?"""
    folder = Path(session.create_tmp()) / "template"
    folder.mkdir(exist_ok=True)
    install_wheel(session, "[aws]")
    session.install(*groups("template"))
    session.run("python", "tests/expand_template.py", str(folder))
    files = [str(folder / f"{name}.json") for name in ("template", "expanded", "artifacts")]
    session.run("cfn-lint", *files)
    scanned = [word for file in files[1:] for word in ("--file", file)]
    session.run("checkov", "--config-file", "tests/checkov.yaml", *scanned)


FIND_PYTHON = """
from reflekt_chalice.deployment.bundle.bytecode import find_python
from reflekt_chalice.deployment.bundle.failures import BundleError
try:
    print(find_python())
except BundleError:
    pass
"""


def python_of_functions(session: nox.Session) -> str:
    """Return the Python that compiles for the functions on AWS; without one, skip the session."""
    found = str(session.run("python", "-c", FIND_PYTHON, silent=True)).strip()
    if not found:
        session.skip("needs a Python 3.13, such as by `uv python install 3.13`")
    return found


@nox.session
def arm64(session: nox.Session) -> None:
    """Does the bundle that would be deployed run on ARM64? Needs qemu, and apt of Debian."""
    qemu = shutil.which("qemu-aarch64-static")
    if not (qemu and shutil.which("apt-get") and shutil.which("npm")):
        session.skip(
            "needs qemu-aarch64-static (apt-get install qemu-user-static), apt-get and npm"
        )
    folder = Path(session.create_tmp()).absolute()
    install_wheel(session, "[aws,openai,anthropic]")
    python_of_functions(session)
    install_emulators(session)
    session.install("pytest")  # the emulator is a fixture of its, too
    session.run("sh", "tests/arm64/root.sh", str(folder / "root"), external=True)
    session.run(
        *(
            "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--upgrade",
            "--no-compile",
            "awslambdaric>=4",
        ),
        *("--target", str(folder / "client"), "--python-version", "3.13"),
        *("--only-binary", ":all:", "--implementation", "cp"),
        *("--platform", "manylinux_2_28_aarch64", "--platform", "manylinux2014_aarch64"),
    )
    proof = (qemu, str(folder / "root"), str(folder / "client"), str(folder / "proof"))
    session.run("python", "tests/arm64/prove.py", *proof)


@nox.session
def stack(session: nox.Session) -> None:
    """Does the service work as a whole, deployed by our own commands to a small AWS on this machine?"""
    emulator = Path(session.create_tmp()).absolute() / "emulator"
    install_wheel(session, "[serve,aws]")
    session.install(*groups("test"))
    # Functions run in the emulator's Python.
    python = python_of_functions(session)
    session.run(python, "-m", "venv", str(emulator), external=True)
    inside = str(emulator / "bin" / "python")
    requirements = ("--requirement", "tests/stack/requirements.txt")
    session.run(inside, "-m", "pip", "install", "--quiet", *requirements, external=True)
    session.run("python", "tests/stack/prove.py", "--ministack", inside, *session.posargs)


LOCKS = Path("src/reflekt_chalice/deployment/locks")


@nox.session
def locks(session: nox.Session) -> None:
    """Which are the newest wheels for the functions on AWS? Writes both locks anew."""
    session.install("uv")
    command = [
        *("uv", "pip", "compile", "--quiet", "--upgrade", "--generate-hashes", "--no-annotate"),
        *("--only-binary", ":all:", "--python-version", "3.13"),
        *("--python-platform", "aarch64-manylinux_2_34"),
        *("--excludes", str(LOCKS / "excludes.txt"), "--custom-compile-command", "nox -s locks"),
        *("pyproject.toml", str(LOCKS / "functions.in")),
    ]
    base, ai = str(LOCKS / "base.txt"), str(LOCKS / "ai.txt")
    session.run(*command, "--output-file", base)
    vendors = ("--extra", "openai", "--extra", "anthropic")
    session.run(*command, *vendors, "--constraints", base, "--output-file", ai)
