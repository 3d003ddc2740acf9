"""The Chalice project in `examples/service`, as a team would use a copy of it."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from reflekt_chalice import FUNCTIONS
from reflekt_core.app import TimeOrderedIds
from reflekt_core.operations import OPERATIONS
from reflekt_core.security.tokens import TokenIssuer
from reflekt_core.stores.dynamodb.tables import TABLES

pytest.importorskip("chalice")

SERVICE = Path(__file__).parent.parent / "examples" / "service"
SECRET = "dB8zQe1nUw5rXk3vTj7mYp2sLc9hGf4a"
CHALICE = [sys.executable, "-c", "from chalice.cli import main; main()"]
STAGES = ("dev", "staging", "prod")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, as it is in the repository."""
    copy = tmp_path / "service"
    shutil.copytree(SERVICE, copy, ignore=shutil.ignore_patterns("deployments", "__pycache__"))
    return copy


def environment(**more: str) -> dict[str, str]:
    """Return variables that name no account, with *more*."""
    strange = re.compile("AWS_|REFLEKT_|JWT_|AI_PROVIDER|LOG_LEVEL|DEBUG|STAGE")
    kept = {name: value for name, value in os.environ.items() if not strange.match(name)}
    return kept | {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "PYTHONUNBUFFERED": "1",
        **more,
    }


@contextmanager
def local(project: Path) -> Iterator[int]:
    """Run `chalice local`, and give its port."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with (project / "requests.log").open("w") as log:
        process = subprocess.Popen(
            [*CHALICE, "local", "--stage", "local", "--port", str(port), "--no-autoreload"],
            cwd=project,
            env=environment(JWT_SECRET=SECRET),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert process.stdout
            assert "Serving on" in process.stdout.readline()
            yield port
        finally:
            process.kill()
            process.communicate()


def ask(
    port: int, method: str, path: str, token: str | None = None, body: Any = None
) -> tuple[int, Any]:
    """Return the status and the value of an answer."""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or "null")


def package(project: Path, stage: str) -> Mapping[str, Any]:
    """Return the template that `chalice package` makes."""
    done = subprocess.run(
        [*CHALICE, "package", "--stage", stage, "--template-format", "json", "out"],
        cwd=project,
        env=environment(AWS_DEFAULT_REGION="eu-west-1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: Mapping[str, Any] = json.loads((project / "out" / "sam.json").read_text())
    return found


def token_of(user_id: str) -> str:
    """Return a token that is good now."""
    return TokenIssuer(secret=SECRET, ids=TimeOrderedIds()).issue(user_id, now=datetime.now(UTC))


def test_the_project_runs_with_chalice_local(project: Path) -> None:
    """The journal answers, and the route that the project adds; what is written can be read again."""
    with local(project) as port:
        assert ask(port, "GET", "/health")[0] == 200
        assert ask(port, "GET", "/about") == (
            200,
            {"name": "journal", "journal": "/entries", "documentation": "/api-docs"},
        )
        assert ask(port, "GET", "/entries")[0] in {401, 403}
        assert ask(port, "GET", "/entries", "nonsense")[0] in {401, 403}
        status, made = ask(port, "POST", "/entries", token_of("me"), {"content": "First day."})
        assert status == 201
        status, read = ask(port, "GET", f"/entries/{made['id']}", token_of("me"))
        assert (status, read["content"]) == (200, "First day.")
        assert ask(port, "GET", f"/entries/{made['id']}", token_of("you"))[0] == 404
    assert (project / "journal.db").exists()


@pytest.mark.parametrize("stage", STAGES)
def test_chalice_package_makes_a_template_for_each_stage(project: Path, stage: str) -> None:
    """Two ARM64 functions, each with its own role, all of the API, and every path but three closed."""
    resources = package(project, stage)["Resources"]
    functions = {
        name: one["Properties"]
        for name, one in resources.items()
        if one["Type"] == "AWS::Serverless::Function"
    }
    assert {one["Handler"] for one in functions.values()} == {"app.app", "app.authorise"}
    for one in functions.values():
        assert one["Architectures"] == ["arm64"]
        assert (
            one["Environment"]["Variables"]["REFLEKT_STORE"]
            == f"dynamodb://reflekt-journal-{stage}"
        )
        assert not {"JWT_SECRET", "REFLEKT_CURSOR_SECRET"} & set(one["Environment"]["Variables"])
    (api,) = (one for one in resources.values() if one["Type"] == "AWS::Serverless::Api")
    assert api["Properties"]["StageName"] == stage
    paths = api["Properties"]["DefinitionBody"]["paths"]
    assert "/about" in paths
    for operation in OPERATIONS:
        path = operation.path.replace("/tags/{tag}", "/tags/{tag+}")
        closed = "security" in paths[path][operation.method.lower()]
        assert closed is not operation.public, operation.id


@pytest.mark.parametrize("stage", STAGES)
def test_the_functions_of_a_stage_may_do_what_they_need(project: Path, stage: str) -> None:
    """The app has the six tables of its stage, the authorizer none; nothing names another stage."""
    resources = package(project, stage)["Resources"]
    allowed = {
        name: [
            (action, place)
            for statement in one["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
            for action in statement["Action"]
            for place in _listed(statement["Resource"])
        ]
        for name, one in resources.items()
        if one["Type"] == "AWS::IAM::Role"
    }
    tables = f"arn:aws:dynamodb:*:*:table/reflekt-journal-{stage}-"
    of_app = {place for _, place in allowed["ApiHandlerRole"] if ":dynamodb:" in place}
    assert of_app == {tables + table for table in TABLES} | {
        f"{tables}{table}/index/*" for table in TABLES
    }
    assert not [place for _, place in allowed["AuthorizerRole"] if ":dynamodb:" in place]
    for action, place in (one for several in allowed.values() for one in several):
        assert place != "*" or action.startswith("xray:")
        assert "*" not in action
        assert action != "dynamodb:Scan"
        assert not [other for other in STAGES if other != stage and f"-{other}" in place]


def _listed(resource: str | list[str]) -> list[str]:
    return [resource] if isinstance(resource, str) else resource


def test_what_is_in_vendor_is_packed(project: Path) -> None:
    """The zip holds the app, Chalice's runtime once, and what `vendor` holds."""
    (project / "vendor" / "ours").mkdir(parents=True)
    (project / "vendor" / "ours" / "__init__.py").write_text("")
    package(project, "dev")
    with zipfile.ZipFile(project / "out" / "deployment.zip") as packed:
        names = packed.namelist()
    assert {"app.py", "chalice/app.py", "ours/__init__.py"} <= set(names)
    assert len(names) == len(set(names))
    assert not [name for name in names if name.startswith(("policy", ".chalice", "journal.db"))]


def test_the_project_has_no_requirements() -> None:
    """Chalice would leave out what they name by a folder, and say nothing."""
    assert not (SERVICE / "requirements.txt").exists()


@pytest.mark.parametrize("stage", STAGES)
def test_its_authorizer_has_the_time_of_ours(stage: str) -> None:
    """A secret read from SSM must not outlast it."""
    authorizer = _config()["stages"][stage]["lambda_functions"]["authorizer"]
    assert authorizer["lambda_timeout"] == FUNCTIONS["authorizer"].timeout_seconds


def _config() -> Any:
    return json.loads((SERVICE / ".chalice" / "config.json").read_text())
