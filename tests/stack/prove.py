"""
The whole stack, run for real: packaged, deployed to ministack, tried, and deleted, by our own commands.

    python tests/stack/prove.py --ministack /path/to/venv/bin/python

Prints what was seen, line by line, and ends with 1 if a claim does not hold. What is rewritten for the
emulator stands in `rewriting.json`; what it does not do is shown by `limits.py`.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import attrs
from account import Account, Commands
from claims import CLAIMS, check
from exchange import exchange
from limits import LIMITS
from ministack import Ministack, running
from rewriting import RULES, rewrite

from reflekt_chalice.deployment.bundle.target import PYTHON
from reflekt_chalice.deployment.package import Package

NAME, STAGE = "reflekt-journal", "dev"
STACK = f"{NAME}-{STAGE}"
MEANT = ("-n", NAME, "-s", STAGE)


def tell(text: str) -> None:
    """Print *text* at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@attrs.define
class Report:
    """What was seen so far."""

    failed: int = 0
    shown: int = 0

    def show(self, title: str, look: Callable[[], str]) -> None:
        """Print whether *look* finds what *title* says, and what it found."""
        start = monotonic()
        try:
            word, seen = "ok", look()
        except Exception as error:  # noqa: BLE001 - the next claim may hold all the same
            word, seen = "FAILED", f"{type(error).__name__}: {error}"
            self.failed += 1
        self.shown += 1
        tell(f"{word:<6} {monotonic() - start:6.1f} s  {title}\n{'':17}{seen}")


def main() -> int:
    """Show everything, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--ministack", required=True, help="the Python that has ministack")
    parser.add_argument("--package", type=Path, help="what `reflekt aws package --out` made")
    parser.add_argument("--only", help="of claims and limits, those with this word")
    asked = parser.parse_args()
    _check_python(asked.ministack)
    report = Report()
    # Each process of a function unpacks its zip: thousands of small files.
    memory = Path("/dev/shm")  # noqa: S108 - a file system; the folder in it is made safely
    place = memory if memory.is_dir() else None
    with TemporaryDirectory(prefix="reflekt-stack-", dir=place) as temporary:
        folder = Path(temporary)
        with running(asked.ministack, folder) as emulator:
            commands = Commands(folder, emulator.environment())
            package = asked.package and asked.package.resolve()
            _prove(report, emulator, commands, package or folder / "built", asked.only)
        if asked.only is None:
            report.show(
                "its DynamoDB, too, keeps the contract of stores", lambda: _judged(asked.ministack)
            )
    tell(f"{report.shown} shown, {report.failed} failed")
    return 1 if report.failed or not report.shown else 0


def _check_python(python: str) -> None:
    ask = "import sys; print(*sys.version_info[:2], sep='.')"
    said = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True)
    if said.stdout.strip() != PYTHON:
        raise SystemExit(f"ministack must be installed in a Python {PYTHON}: functions run in it")


def _prove(
    report: Report, emulator: Ministack, commands: Commands, package: Path, only: str | None
) -> None:
    account = Account(emulator, STACK, commands)
    if not package.exists():
        report.show("the package is built", lambda: _packaged(commands, package))
    emulated = commands.folder / "emulated"
    report.show(
        "its compiled files are exchanged, its template rewritten",
        lambda: _rewritten(package, emulated, emulator),
    )
    report.show("it is deployed", lambda: _deployed(commands, emulated, account))
    if report.failed:
        return
    wanted = [(one.title, one.show) for one in CLAIMS]
    wanted += [(f"limit: {one.title} (shown by: {one.elsewhere})", one.show) for one in LIMITS]
    if only is None:
        report.show(
            "deployed again, nothing changes but the API's deployment",
            lambda: _again(commands, emulated),
        )
        report.show("init goes on from there", lambda: _begun(commands, emulated))
        report.show("smoke: every operation answers as it should", lambda: _smoked(commands))
        report.show("load: it answers many at once", lambda: _loaded(commands))
    for title, show in wanted:
        if only is None or only in title:
            report.show(title, partial(show, account))
    if only is None:
        report.show("all listens on the loopback interface alone", lambda: _loopback(emulator))
        report.show(
            "deleted, the data stay; with --data nothing stays", lambda: _gone(commands, account)
        )


def _packaged(commands: Commands, package: Path) -> str:
    commands("package", "--out", str(package))
    sizes = (
        f"{path.name} {path.stat().st_size / 1e6:.1f} MB" for path in sorted(package.iterdir())
    )
    return ", ".join(sizes)


def _rewritten(package: Path, emulated: Path, emulator: Ministack) -> str:
    built = Package.read(package)
    emulated.mkdir()
    exchanged = {
        name
        for path in (built.base, built.ai)
        for name in exchange(path.stem, path, emulated / path.name)
    }
    made = attrs.evolve(built, template=rewrite(dict(built.template), emulator.url))
    made.save(emulated)
    return f"compiled files of {', '.join(sorted(exchanged))}; {len(RULES)} rules for the template"


def _deployed(commands: Commands, emulated: Path, account: Account) -> str:
    said = commands("deploy", "--package", str(emulated), "--no-verify", "--yes", *MEANT)
    (healthy,) = (line for line in said.splitlines() if " is up" in line)
    return f"{len(account.resources)} resources; {healthy.strip()}"


def _again(commands: Commands, emulated: Path) -> str:
    said = commands("deploy", "--package", str(emulated), "--no-verify", "--yes", *MEANT)
    changed = re.findall(r"^(?:Add|Modify|Remove) +(\w+)", said, re.MULTILINE)
    check(
        all(name.startswith(("RestAPIDeployment", "RestAPIStage", "Firewall")) for name in changed),
        said,
    )
    return f"{len(changed)} changes: {', '.join(sorted(changed))}"


def _begun(commands: Commands, emulated: Path) -> str:
    words = ("--package", str(emulated), "--no-verify", "--yes", "--no-smoke", *MEANT)
    commands("init", *words)
    env = (commands.folder / ".env").read_text()
    front_end = (commands.folder / ".env.local").read_text()
    (tokens,) = commands.folder.glob("reflekt-data/tokens-*.json")
    users = json.loads(tokens.read_text())
    check(commands.environment["AWS_ENDPOINT_URL"] in front_end, front_end)
    check("eyJ" not in env + front_end, "a token stands where none should")
    return (
        f"wrote {len(env.splitlines())} lines of .env, .env.local, {len(users)} test users' tokens"
    )


def _loaded(commands: Commands) -> str:
    commands("load", "--stack-name", NAME, "-s", STAGE, "-n", "100", "-c", "4")
    figures = json.loads((commands.folder / "logs" / "load" / "figures.json").read_text())
    return ", ".join(
        f"{name} {value}" for name, value in figures.items() if not isinstance(value, dict | list)
    )


def _smoked(commands: Commands) -> str:
    said = commands("smoke", "--stack-name", NAME, "-s", STAGE)
    return said.strip().splitlines()[-1].strip()


def _loopback(emulator: Ministack) -> str:
    found = emulator.listens_on()
    check(found == {"0100007F"}, found)
    return f"127.0.0.1; {emulator.resident_mb():.0f} MB with the functions' processes"


def _gone(commands: Commands, account: Account) -> str:
    def tables() -> list[str]:
        return [
            name
            for name in account.client("dynamodb").list_tables()["TableNames"]
            if name.startswith(f"{STACK}-")
        ]

    commands("delete", *MEANT, "--confirm", STACK)
    kept = len(tables())
    check(kept == 6, tables())
    commands("delete", *MEANT, "--data", "--confirm", STACK, "--confirm-data", STACK)
    check(not tables(), tables())
    return f"{kept} tables, then {len(tables())}"


def _judged(python: str) -> str:
    here = Path(__file__).parent
    command = [
        *(sys.executable, "-m", "pytest", "-p", "judge", "--ministack", python, "-q"),
        *("-p", "no:cacheprovider", "-k", "dynamodb"),
        *(str(here.parent / f"test_{name}.py") for name in ("stores", "dynamodb")),
    ]
    done = subprocess.run(
        command,
        cwd=here.parent.parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(here), *filter(None, sys.path)])},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    check(done.returncode == 0, done.stdout[-1500:])
    return done.stdout.strip().splitlines()[-1]


if __name__ == "__main__":
    sys.exit(main())
