"""
Does the very bundle that would be deployed run on ARM64?

``prove.py QEMU ROOT CLIENT FOLDER`` builds both zips in FOLDER, unpacks them, and runs each function's
handler on an emulated ARM64 machine, with Lambda's own runtime client, against an emulator of
DynamoDB: a user's way through the journal, with the events that Amazon's services would send. At the
end an x86 wheel is put into the bundle, which has to be found and has to fail.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).parents[1]))

import attrs
import botocore.session
import jwt
import pytest
import regex
from amazon import Amazon, amazon
from api_gateway import Gateway, method_arn
from cryptography.hazmat.primitives.asymmetric import rsa
from dynamodb_emulator import running as dynamodb
from jwt.algorithms import RSAAlgorithm
from runtime_api import ACCOUNT, REGION, Function, FunctionFailed, Machine, running

from reflekt_chalice import FUNCTIONS, create_app
from reflekt_chalice.deployment.bundle import build, verify
from reflekt_core.app import TimeOrderedIds
from reflekt_core.rest.messages import Request
from reflekt_core.security.tokens import TokenIssuer
from reflekt_core.stores.dynamodb import create_tables

say: Callable[..., None] = print

PREFIX = "arm64"
SECRET = "Jq8mW2xT5vB9nK4pZ7rC1yH6dF3gL0sA"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing"}
PARTIES = {"JWT_ISSUER": "https://identity.example", "JWT_AUDIENCE": "journal"}
NATIVE = "cryptography/hazmat/bindings/_rust.abi3.so"
CLOCK = {"id": "1", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}


@attrs.define
class World:
    """Everything around the functions, and what was measured of them."""

    machine: Machine
    tasks: Mapping[str, Path]
    log: Path
    amazon: Amazon
    client: Any
    endpoint: str
    gateway: Gateway
    tokens: Mapping[str, str]
    who: dict[str, Any] = attrs.field(factory=dict)
    rows: list[str] = attrs.field(factory=list)

    @contextmanager
    def function(self, name: str, title: str = "", **environ: str) -> Iterator[Function]:
        """Run a function with the environment that the template gives it; note what it took."""
        task = self.tasks["ai" if FUNCTIONS[name].ai_key else "base"]
        with running(
            self.machine, task, name, {**self._environment(name), **environ}, self.log
        ) as function:
            yield function
            first, *later = function.seconds
            warm = f"{min(later) * 1000:8.0f}" if later else "       –"
            self.rows.append(f"{title or name:<28} {first:6.1f} {warm} {function.megabytes:6}")

    def _environment(self, name: str) -> dict[str, str]:
        store = {"region": REGION, "account": FUNCTIONS[name].home, "endpoint": self.endpoint}
        return {
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": self.amazon.url,
            **PARTIES,
            "JWT_SECRET_PARAMETER": "/arm64/jwt-secret",
            "REFLEKT_CURSOR_SECRET_PARAMETER": "/arm64/cursor-secret",
            "REFLEKT_EVENT_BUS": PREFIX,
            "REFLEKT_STORE": f"dynamodb://{PREFIX}?{urlencode(store)}",
            "STAGE": "dev",
        }

    def request(  # noqa: PLR0913 - the parts of a request
        self,
        function: Function,
        method: str,
        path: str,
        data: Any = None,
        query: str = "",
        *,
        expect: int = 200,
        bearer: str = "",
    ) -> Any:
        """Return the body that a function answers to a request of API Gateway's, decoded."""
        headers = {"Content-Type": "application/json"} if data is not None else {}
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        body = json.dumps(data).encode() if data is not None else b""
        event = self.gateway.event(Request(method, path, query, headers, body))
        if not bearer:
            event["requestContext"]["authorizer"] = self.who
        answer = self.gateway_answer(function(event))
        assert answer[0] == expect, (method, path, answer)
        return answer[1]

    @staticmethod
    def gateway_answer(answer: Mapping[str, Any]) -> tuple[int, Any]:
        """Return the status and the body of a function's answer."""
        from api_gateway import _response  # noqa: PLC0415 - what our own gateway does with it

        response = _response(dict(answer))
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        is_json = kind == "application/json" or kind.endswith("+json")
        return int(response.status), json.loads(response.body) if is_json else response.body

    def records(self, table: str) -> list[dict[str, Any]]:
        """Return the records that a table's stream would hold of what tells of an event."""
        items = self.client.scan(TableName=f"{PREFIX}-{table}")["Items"]
        return [_record(number, item) for number, item in enumerate(items, 1) if "ev" in item]

    def messages(self, kind: str) -> list[dict[str, Any]]:
        """Return what the bus would hand to those who follow events of *kind*."""
        return [
            {
                "version": "0",
                "id": f"{number}",
                "source": entry["Source"],
                "detail-type": entry["DetailType"],
                "account": ACCOUNT,
                "region": REGION,
                "resources": [],
                "detail": json.loads(entry["Detail"]),
            }
            for number, entry in enumerate(self.amazon.put)
            if entry["DetailType"] == kind
        ]


def _record(number: int, item: dict[str, Any]) -> dict[str, Any]:
    image = {
        "SequenceNumber": str(number),
        "NewImage": _as_json(item),
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    return {
        "eventID": str(number),
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": image,
    }


def _as_json(value: Any) -> Any:
    """Return *value* as a stream's records have it: bytes in base64."""
    if isinstance(value, bytes):
        return b64encode(value).decode()
    return {n: _as_json(part) for n, part in value.items()} if isinstance(value, dict) else value


def who_asks(world: World) -> None:
    """Tokens of both kinds are accepted, others refused; what is said of the bearer goes to the rest."""
    with world.function("authorizer", "authorizer, HS256") as authorizer:
        policy = authorizer(_asking(world.tokens["HS256"]))
        world.who = {"principalId": policy["principalId"], **policy["context"]}
        _refused(authorizer, world.tokens["RS256"])
        authorizer(_asking(world.tokens["HS256"]))
    keys = {"JWT_SECRET_PARAMETER": "", "JWT_JWKS_URL": f"{world.amazon.url}/keys"}
    with world.function("authorizer", "authorizer, RS256", **keys) as authorizer:
        assert authorizer(_asking(world.tokens["RS256"])) == policy
        _refused(authorizer, world.tokens["HS256"])
        authorizer(_asking(world.tokens["RS256"]))


def _asking(token: str) -> dict[str, str]:
    arn = method_arn("GET", "/entries")
    return {"type": "TOKEN", "authorizationToken": f"Bearer {token}", "methodArn": arn}


def _refused(authorizer: Function, token: str) -> None:
    with pytest.raises(FunctionFailed, match=r": Unauthorized\Z"):
        authorizer(_asking(token))


def writing(world: World) -> str:
    """An entry is written and read again; a function reads a token itself if nobody did before it."""
    text = "Bread, rain, and a long, happy call with Ana. I feel calm and grateful."
    with world.function("entries") as entries:
        created = world.request(
            entries, "POST", "/entries", {"content": text, "tags": ["home"], "mood": 5}, expect=201
        )
        path = f"/entries/{created['id']}"
        assert world.request(entries, "GET", path)["content"] == text
        assert world.request(entries, "GET", path, bearer=world.tokens["HS256"])["content"] == text
        assert [one["id"] for one in world.request(entries, "GET", "/entries")["items"]]
        world.request(entries, "PUT", "/tags/home", {"name": "kitchen"}, expect=202)
        world.request(entries, "GET", path, bearer="a.b.c", expect=401)
    return str(created["id"])


def telling(world: World) -> None:
    """What the streams hold comes to the bus, but for what is broken, which is named."""
    poison = _record(
        10_000, {"u": {"S": "x"}, "k": {"S": "e#x"}, "v": {"N": "1"}, "ev": {"S": "?"}}
    )
    batch = [*world.records("entries"), *world.records("jobs"), poison]
    for number, record in enumerate(batch, 1):
        record["dynamodb"]["SequenceNumber"] = str(number)
    with world.function("publisher") as publisher:
        answer = publisher({"Records": batch})
        assert answer == {"batchItemFailures": [{"itemIdentifier": str(len(batch))}]}, answer
        assert len(world.amazon.put) == len(batch) - 1
        assert publisher({"Records": batch[:1]}) == {"batchItemFailures": []}
    assert world.messages("EntryCreated")
    assert world.messages("JobRequested")


def following(world: World, id: str) -> None:
    """What follows from an entry arrives where it is read; an insight, too."""
    (created, *_) = world.messages("EntryCreated")
    for name in ("analytics_consumer", "search_consumer"):
        with world.function(name) as consumer:
            assert consumer(created) is None
            assert consumer(created) is None
    with world.function("analytics") as analytics:
        today = datetime.now(UTC).date()
        query = urlencode({"from": today - timedelta(days=2), "to": today})
        trends = world.request(analytics, "GET", "/analytics/trends", query=query)
        assert trends["totals"]["entries"] == 1, trends
        world.request(analytics, "GET", "/analytics/mood", query=query)
    with world.function("ai") as ai:
        assert ai(created) is None
        found = world.request(ai, "GET", f"/entries/{id}/insights")
        assert found["provenance"]["provider"] == "local", found
    with world.function("entries", "entries, searching") as entries:
        page = world.request(entries, "GET", "/entries/search", query="q=rain")
        assert [one["entry"]["id"] if "entry" in one else one["id"] for one in page["items"]] == [
            id
        ]


def others(world: World) -> None:
    """Settings, the documentation, the export and jobs are answered; so is the clock."""
    with world.function("settings") as settings:
        world.request(settings, "GET", "/settings")
        assert world.request(settings, "GET", "/health")["status"]
        assert b"swagger" in world.request(settings, "GET", "/api-docs/swagger-ui-bundle.js")
    with world.function("account") as account:
        assert b"happy call" in world.request(account, "GET", "/account/export")
    with world.function("jobs") as jobs:
        (asked, *_) = world.messages("JobRequested")
        assert jobs(asked) is None
        assert jobs(CLOCK) is None


def vendors(world: World) -> None:
    """The vendors' SDKs load and make a client; base does not have them."""
    made = "openai.OpenAI(api_key='x').responses, anthropic.Anthropic(api_key='x').messages"
    for artefact, good in (("ai", True), ("base", False)):
        done = subprocess.run(
            world.machine.command("-c", f"import anthropic, openai; {made}"),
            env={"PYTHONPATH": str(world.tasks[artefact])},
            capture_output=True,
            check=False,
        )
        missing = b"ModuleNotFoundError: No module named 'anthropic'" in done.stderr
        assert (done.returncode == 0, missing) == (good, not good), (artefact, done.stderr)


def must_fail(world: World, folder: Path, zips: Mapping[str, Path]) -> None:
    """With an x86 wheel in it, the bundle is refused, and does not run either."""
    foreign = Path(regex.__file__).parent.glob("_regex.*.so")
    code = next(foreign).read_bytes()
    planted = folder / "planted.zip"
    with zipfile.ZipFile(zips["base"]) as whole, zipfile.ZipFile(planted, "w") as copy:
        for name in whole.namelist():
            copy.writestr(name, code if name == NATIVE else whole.read(name))
    found = [line for line in verify(planted) if NATIVE in line and "x86_64" in line]
    assert found, "verify did not find the x86 wheel"
    keys = {"JWT_SECRET_PARAMETER": "", "JWT_JWKS_URL": f"{world.amazon.url}/keys"}
    spoiled = attrs.evolve(world, tasks={"base": _unpacked(planted, folder / "planted")}, rows=[])
    with spoiled.function("authorizer", **keys) as authorizer:
        try:
            authorizer(_asking(world.tokens["RS256"]))
        except FunctionFailed as error:
            say(f"with an x86 wheel: {found[0]}; and the function fails: {error}")
        else:
            raise AssertionError("an x86 wheel ran on ARM64: this proves nothing")


def main(qemu: str, root: str, client: str, folder: str) -> None:
    """Build, run, and print what was measured."""
    out = Path(folder)
    shutil.rmtree(out, ignore_errors=True)
    bundle = build(out / "bundle", say=say)
    say(*bundle.report.lines(), sep="\n")
    zips = {"base": bundle.base, "ai": bundle.ai}
    for path in zips.values():
        assert verify(path) == (), verify(path)
    again = build(out / "again", say=lambda _: None)
    assert _digest(again.base) == _digest(bundle.base)
    assert _digest(again.ai) == _digest(bundle.ai)
    tasks = {name: _unpacked(path, out / name) for name, path in zips.items()}
    before = {name: _tree(task) for name, task in tasks.items()}
    with _world(Machine(qemu, Path(root), Path(client)), tasks, out / "log") as world:
        try:
            who_asks(world)
            id = writing(world)
            telling(world)
            following(world, id)
            others(world)
            vendors(world)
            must_fail(world, out, zips)
        except BaseException:
            say((out / "log").read_text("utf-8", "replace")[-4000:])
            raise
        say(f"\n{'emulated':<28} {'cold s':>6} {'warm ms':>8} {'MB':>6}", *world.rows, sep="\n")
    assert {name: _tree(task) for name, task in tasks.items()} == before, "code was written to"
    say("the bundle runs on ARM64, and nothing was written to its folder")


@contextmanager
def _world(machine: Machine, tasks: Mapping[str, Path], log: Path) -> Iterator[World]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    key_set = {"keys": [{**{n: v for n, v in public.items() if n != "key_ops"}, "kid": "one"}]}
    now = datetime.now(UTC)
    issuer, audience = PARTIES.values()
    ids = TimeOrderedIds()
    issued = TokenIssuer(secret=SECRET, ids=ids, issuer=issuer, audience=audience).issue(
        "ada", now=now
    )
    claims = jwt.decode(issued, options={"verify_signature": False})
    tokens = {"HS256": issued, "RS256": jwt.encode(claims, key, "RS256", headers={"kid": "one"})}
    secrets = {"/arm64/jwt-secret": SECRET, "/arm64/cursor-secret": SECRET[::-1]}
    with dynamodb() as endpoint, amazon(secrets, key_set) as services:
        session = botocore.session.Session()
        session.set_credentials(*CREDENTIALS.values())
        client = session.create_client("dynamodb", region_name=REGION, endpoint_url=endpoint)
        create_tables(client, PREFIX)
        gateway = Gateway(create_app())
        yield World(machine, tasks, log, services, client, endpoint, gateway, tokens)
        client.close()


def _unpacked(path: Path, folder: Path) -> Path:
    """Return *folder* with what is in the zip at *path*, read-only as on Lambda."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    for one in [*folder.rglob("*"), folder]:
        one.chmod(0o555 if one.is_dir() else 0o444)
    return folder


def _tree(folder: Path) -> dict[str, str]:
    return {str(one): _digest(one) for one in folder.rglob("*") if one.is_file()}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main(*sys.argv[1:])
