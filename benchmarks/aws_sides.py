"""The same requests to DynamoDB, answered in several ways: folders with the code, events, and runs."""

import base64
import hashlib
import hmac
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode
from uuid import uuid4

from tls_proxy import encrypted

from reflekt_core.stores.dynamodb import create_tables
from reflekt_core.stores.dynamodb.transport import BotocoreTransport

__all__ = ["Run", "Side", "Stage", "missing", "peers", "stage"]

HERE: Final = Path(__file__).parent
EMULATOR: Final = HERE.parent / "tests/emulators/node_modules/@dynoxide/linux-x64/dynoxide"
SECRET: Final = "benchmarks-only-0Kq7vTz3nB8xLw5mYd2s"  # noqa: S105 - of this benchmark alone
REGION: Final = "eu-west-1"

BOTOCORE: Final = ("botocore", "dateutil", "jmespath", "six", "urllib3")
BUNDLE: Final = (
    *("attr", "attrs", "cattrs", "chalice", "jwt", "reflekt_chalice", "reflekt_core", "regex"),
    *("typing_extensions", "tzdata"),
)
"""What our functions find at run time."""
BY_HAND: Final = ("boto3", "chalice", "jwt", "s3transfer", *BOTOCORE)
"""What others find. Without cryptography, which PyJWT would load for nothing."""
FRAMEWORK: Final = (
    *("annotated_doc", "annotated_types", "anyio", "fastapi", "idna", "mangum", "opentelemetry"),
    *("pydantic", "pydantic_core", "pynamodb", "starlette", "typing_extensions"),
    *("typing_inspection", *BY_HAND),
)


class Side(NamedTuple):
    """A way to answer: the handler that does, and the folder that it finds its code in."""

    handler: str
    folder: str


AUTHORIZER: Final = Side("reflekt_chalice.handlers:authorizer", "ours")
ENTRIES: Final = Side("reflekt_chalice.handlers:entries", "ours")
BARE: Final = Side("bare:handler", "by_hand")
BARE_WITH_TOKEN: Final = Side("bare_jwt:handler", "by_hand")
CHALICE: Final = Side("chalice_resource:handler", "by_hand")
FASTAPI: Final = Side("fastapi_pynamodb:handler", "framework")


class Run(NamedTuple):
    """What one interpreter took, from its start to its last first answer, and what it answered."""

    wall: float
    cpu: float
    peak_kib: int
    warm: list[list[float]]
    answers: list[dict[str, Any]]


class Stage:
    """
    Folders with code that cannot be written to, and a DynamoDB with an entry in it.

    Args:
        root: Where the folders are.
        endpoint: The emulator's address.
    """

    def __init__(self, root: Path, endpoint: str) -> None:
        self.root = root
        self.endpoint = endpoint
        self.environ = {
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "JWT_SECRET": SECRET,
            "REFLEKT_CURSOR_SECRET": SECRET,
            "BENCH_ENDPOINT": endpoint,
        }
        self.prefixes = {name: f"{name.replace('_', '-')}-{uuid4().hex[:8]}" for name in FOLDERS}
        self.token = _token()

    def run(self, side: Side, events: Sequence[Mapping[str, Any]], *, repeat: int = 0) -> Run:
        """Return what it takes a fresh interpreter to answer *events* as *side* does."""
        asked = self.root / "events.json"
        asked.write_text(json.dumps(list(events)))
        folder = self.root / side.folder
        prefix = self.prefixes[side.folder]
        store = urlencode({"region": REGION, "endpoint": self.endpoint, "account": "entries"})
        ours = side.folder == "ours"
        environ = {
            **self.environ,
            "AWS_CA_BUNDLE": str(self.root / ("amazon.pem" if ours else "authorities.pem")),
            "BENCH_PREFIX": prefix,
            "REFLEKT_STORE": f"dynamodb://{prefix}?{store}",
        }
        # Isolated, without what the environment of this benchmark would add.
        command = [sys.executable, "-I", "-S", str(self.root / "run.py"), str(folder)]
        began = time.perf_counter()
        done = subprocess.run(  # noqa: S603 - our own code
            [*command, side.handler, str(asked), str(repeat)],
            env=environ,
            check=True,
            capture_output=True,
            text=True,
        )
        said = json.loads(done.stdout.splitlines()[-1])
        bad = [answer for answer in said["answers"] if answer.get("statusCode", 200) >= 300]
        assert not bad, bad
        return Run(
            said["end"] - began, said["cpu"], said["peak_kib"], said["warm"], said["answers"]
        )

    def authorizing(self) -> dict[str, Any]:
        """Return the event that asks the authorizer about the token."""
        arn = f"arn:aws:execute-api:{REGION}:123456789012:a1b2c3d4e5/prod/GET/entries"
        return {"type": "TOKEN", "authorizationToken": f"Bearer {self.token}", "methodArn": arn}

    def creating(self) -> dict[str, Any]:
        """Return the event of a request that writes an entry of 150 words."""
        words = (HERE.parent / "tests/entries_to_read.txt").read_text().split()[:150]
        body = {"content": " ".join(words), "mood": 4}
        return self._event("POST", "/entries", {}, json.dumps(body).encode())

    def reading(self, side: Side) -> dict[str, Any]:
        """Return the event of a request that reads an entry, which is written as *side* does."""
        (answer,) = self.run(side, [self.creating()]).answers
        body = answer["body"]
        made = json.loads(base64.b64decode(body) if answer.get("isBase64Encoded") else body)
        return self._event("GET", "/entries/{id}", {"id": made["id"]}, b"")

    def _event(
        self, method: str, resource: str, parameters: dict[str, str], body: bytes
    ) -> dict[str, Any]:
        path = resource.format(**parameters)
        headers = {
            "Accept": "application/json",
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Host": f"a1b2c3d4e5.execute-api.{REGION}.amazonaws.com",
            "User-Agent": "benchmark",
            "X-Forwarded-For": "203.0.113.7",
        }
        said = self.run(AUTHORIZER, [self.authorizing()]).answers[0]["context"]
        return {
            "resource": resource,
            "path": path,
            "httpMethod": method,
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": None,
            "multiValueQueryStringParameters": None,
            "pathParameters": parameters or None,
            "stageVariables": None,
            "requestContext": {
                "resourceId": "x1y2z3",
                "resourcePath": resource,
                "httpMethod": method,
                "path": f"/prod{path}",
                "accountId": "123456789012",
                "apiId": "a1b2c3d4e5",
                "protocol": "HTTP/1.1",
                "stage": "prod",
                "requestId": "00000000-0000-4000-8000-000000000001",
                "identity": {"sourceIp": "203.0.113.7", "userAgent": "benchmark"},
                "authorizer": {"principalId": "ada", "integrationLatency": 7, **said},
            },
            "body": base64.b64encode(body).decode() if body else None,
            "isBase64Encoded": bool(body),
        }


def missing() -> str | None:
    """Return what has to be installed before anything can be compared; None if nothing."""
    if not EMULATOR.exists():
        return "no DynamoDB emulator: run npm ci --prefix tests/emulators"
    names = [name for name in {*BUNDLE, *BY_HAND} if find_spec(name) is None]
    if names:
        return f"not installed: {', '.join(sorted(names))}; run pip install 'reflekt-journal[aws]'"
    return None


def peers() -> dict[str, Side]:
    """Return other ways that people write functions, with a line about those not installed."""
    found = {"plain Chalice with boto3.resource": CHALICE}
    if all(map(find_spec, ("fastapi", "mangum", "pynamodb"))):
        return found | {"FastAPI, Mangum and PynamoDB": FASTAPI}
    print("left out: FastAPI; run pip install fastapi mangum pynamodb")
    return found


@contextmanager
def stage(root: Path) -> Iterator[Stage]:
    """Build the folders below *root*, run an emulator with tables, and give both."""
    for name, packages in FOLDERS.items():
        _build(root / name, packages)
    shutil.copy(HERE / "handlers" / "run.py", root)
    port = _free_port()
    process = subprocess.Popen(  # noqa: S603 - the emulator
        [str(EMULATOR), "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port, process)
        made = Stage(root, encrypted(root, port))
        os.environ |= made.environ
        plain = f"http://127.0.0.1:{port}"
        transport = BotocoreTransport(region=REGION, endpoint=plain, read_seconds=10)
        for prefix in made.prefixes.values():
            create_tables(transport._client(), prefix)  # noqa: SLF001 - as our tests do
        yield made
    finally:
        process.kill()
        process.wait()


FOLDERS: Final = {"ours": BUNDLE, "by_hand": BY_HAND, "framework": FRAMEWORK}


def _build(folder: Path, packages: Sequence[str]) -> None:
    """Make a folder of *packages* as a bundle has them: bytecode that is never checked."""
    for name in packages:
        _copy(name, folder)
    for handler in (HERE / "handlers").glob("*.py"):
        shutil.copy(handler, folder)
    compiling = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*compiling, str(folder)], check=True)  # noqa: S603 - our own code
    for path in folder.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)


def _copy(name: str, folder: Path) -> None:
    spec = find_spec(name)
    if spec is None or (spec.origin is None and not spec.submodule_search_locations):
        return
    places = list(spec.submodule_search_locations or ())
    ignored = shutil.ignore_patterns("__pycache__", "tests")
    for place in places:
        shutil.copytree(place, folder / name, ignore=ignored, dirs_exist_ok=True)
    if not places and spec.origin:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(spec.origin, folder)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
            time.sleep(0.01)
    raise SystemExit("the emulator did not start")


def _token() -> str:
    """Return a token that is good for a day."""
    now = int(time.time())
    claims = {"sub": "ada", "role": "user", "iat": now, "exp": now + 86_400}
    signed = b".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "typ": "JWT"}, claims)
    )
    signature = hmac.digest(SECRET.encode(), signed, hashlib.sha256)
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()
