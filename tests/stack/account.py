"""The account in the emulator with the deployed service in it, and people who use the service."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import cached_property
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import botocore.session
from ministack import Ministack

from reflekt_core.app import TimeOrderedIds
from reflekt_core.security.tokens import TokenIssuer

PATIENCE_SECONDS = 60.0
REFLEKT = [sys.executable, "-m", "reflekt_core", "aws"]


@attrs.frozen
class Commands:
    """Our own commands, as a user runs them in *folder* with *environment*."""

    folder: Path
    environment: Mapping[str, str]

    def __call__(self, *words: str) -> str:
        """Return what the command prints."""
        done = subprocess.run(
            [*REFLEKT, *words],
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            lines = (line for line in done.stdout.splitlines() if not line.startswith("ok "))
            raise AssertionError(f"{words[0]}: {done.returncode}: {' / '.join(lines)[-1500:]}")
        return done.stdout


@attrs.frozen
class Answer:
    """What the API answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        """The body, as JSON."""
        return json.loads(self.body)


@attrs.frozen
class Person:
    """Somebody who uses the API: sends requests with a token."""

    url: str
    token: str | None = attrs.field(repr=False)

    def ask(
        self, method: str, path: str, body: object = None, expect: int | None = None, **headers: str
    ) -> Answer:
        """Return the answer to a request; *expect* is the status that it must have."""
        parts = urlsplit(self.url)
        sent = {"Accept": "*/*", **{name.replace("_", "-"): one for name, one in headers.items()}}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        with closing(HTTPConnection(parts.netloc, timeout=60)) as connection:
            content = None if body is None else json.dumps(body)
            connection.request(method, parts.path + path, content, sent)
            got = connection.getresponse()
            answer = Answer(got.status, {k.lower(): v for k, v in got.getheaders()}, got.read())
        if expect is not None and answer.status != expect:
            raise AssertionError(f"{method} {path}: {answer.status}, not {expect}: {answer.body!r}")
        return answer

    def write(self, content: str, **more: Any) -> Any:
        """Return a new entry."""
        return self.ask("POST", "/entries", {"content": content, **more}, expect=201).value

    def finish(self, job: Any) -> Any:
        """Return *job* when it is done."""
        path = f"/jobs/{job['id']}"
        return eventually(
            lambda: self.ask("GET", path, expect=200).value,
            lambda now: now["state"] == "done",
        )


@attrs.define(slots=False)
class Account:
    """The account, by AWS's own clients, and the stack in it."""

    emulator: Ministack
    stack: str
    commands: Commands

    def client(self, service: str) -> Any:
        """Return a client of *service*, with the owner's rights."""
        environment = self.emulator.environment()
        return botocore.session.Session().create_client(
            service,
            region_name=environment["AWS_REGION"],
            endpoint_url=self.emulator.url,
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        )

    @cached_property
    def outputs(self) -> dict[str, str]:
        """What the stack says of itself."""
        (found,) = self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}

    @cached_property
    def resources(self) -> dict[str, str]:
        """What the stack's resources are called in the account, by their names in the template."""
        found = self.client("cloudformation").describe_stack_resources(StackName=self.stack)
        return {
            one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found["StackResources"]
        }

    def person(self, user_id: str, **more: Any) -> Person:
        """Return somebody with a token of *user_id*, signed with the stack's secret."""
        name = f"/{self.stack}/jwt-secret"
        found = self.client("ssm").get_parameter(Name=name, WithDecryption=True)
        issuer = TokenIssuer(secret=found["Parameter"]["Value"], ids=TimeOrderedIds())
        lifetime = timedelta(seconds=more.pop("seconds", 3600))
        token = issuer.issue(user_id, expires_in=lifetime, now=datetime.now(UTC), **more)
        return Person(self.outputs["ApiUrl"], token)

    def nobody(self, token: str | None = None) -> Person:
        """Return somebody without a token, or with one that is not ours."""
        return Person(self.outputs["ApiUrl"], token)

    def items_of(self, user_id: str) -> dict[str, list[str]]:
        """Return the keys of what is kept of a user, by table."""
        client, prefix = self.client("dynamodb"), self.outputs["TablePrefix"]
        found: dict[str, list[str]] = {}
        for table in ("entries", "settings", "categories", "analytics", "search", "jobs"):
            pages = client.get_paginator("query").paginate(
                TableName=f"{prefix}-{table}",
                KeyConditionExpression="u = :u",
                ExpressionAttributeValues={":u": {"S": user_id}},
                ProjectionExpression="k",
            )
            found[table] = [item["k"]["S"] for page in pages for item in page["Items"]]
        return found

    def logged(self, function: str | None = None) -> list[str]:
        """Return the lines that *function* logged, or every one."""
        return self.lines(f"/aws/lambda/{self.stack}-{function}" if function else "/")

    def lines(self, prefix: str) -> list[str]:
        """Return every line in the log groups whose names begin so."""
        logs = self.client("logs")
        groups = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
        events = logs.get_paginator("filter_log_events")
        return [
            event["message"]
            for group in [one["logGroupName"] for page in groups for one in page["logGroups"]]
            for page in events.paginate(logGroupName=group)
            for event in page["events"]
        ]


def eventually(
    look: Callable[[], Any], good: Callable[[Any], Any], seconds: float = PATIENCE_SECONDS
) -> Any:
    """
    Return what *look* finds once it is *good*.

    Raises:
        AssertionError: It was not, in time.
    """
    end = time.monotonic() + seconds
    while True:
        found = look()
        if good(found):
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not in {seconds:.0f} s; at last: {found!r:.300}")
        time.sleep(0.1)
