"""How many requests to DynamoDB a request to the API takes, one after another, and what they read."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from reflekt_chalice import create_app, service_from
from reflekt_chalice.functions import FUNCTIONS
from reflekt_core.app import TimeOrderedIds, utc_now
from reflekt_core.model.analytics import entry_facts
from reflekt_core.ports import PlainText
from reflekt_core.rest.messages import Request, Response
from reflekt_core.security.tokens import TokenIssuer
from reflekt_core.stores import dynamodb as dynamodb_store
from reflekt_core.stores.dynamodb import DynamoDBStore
from reflekt_core.stores.dynamodb.transport import Transport, open_transport
from reflekt_core.testing import an_entry, an_insight

from .api_gateway import Gateway
from .dynamodb_emulator import Emulator, patient
from .http_contract import SECRET

WORDS = (Path(__file__).parent / "entries_to_read.txt").read_text().split()
DOCUMENT = (Path(__file__).parent.parent / "docs" / "reference" / "dynamodb.md").read_text()
TODAY = utc_now().date()
NINETY_DAYS = f"from={TODAY - timedelta(days=89)}&to={TODAY}"
ENTRY = UUID(int=1)


class Cost(NamedTuple):
    """Requests one after another, and the units that they and others beside them read."""

    requests: int
    read: float


class Metering:
    """A transport that adds up what its requests consume."""

    def __init__(self, below: Transport) -> None:
        self.below = below
        self.asked: list[str] = []
        self.read = 0.0
        self.lock = threading.Lock()

    def call(self, operation: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Send the request."""
        # What other threads ask goes on beside a request of this one.
        self.asked += [operation] * (threading.current_thread() is threading.main_thread())
        response = self.below.call(operation, {**payload, "ReturnConsumedCapacity": "TOTAL"})
        consumed = response["ConsumedCapacity"]
        if operation != "TransactWriteItems":
            several = consumed if isinstance(consumed, list) else [consumed]
            with self.lock:
                self.read += sum(one["CapacityUnits"] for one in several)
        return response

    def close(self) -> None:
        """Let go of the connections."""
        self.below.close()


class Deployed:
    """
    One function before the tables of *url*, as it is after its start.

    `seconds` is what its clock shows.
    """

    def __init__(self, url: str, function: str, patch: pytest.MonkeyPatch) -> None:
        self.seconds = 1000.0
        self.transports: list[Metering] = []
        patch.setattr(dynamodb_store, "open_transport", self._metered)
        environ = {
            "REFLEKT_STORE": f"{url}&account={FUNCTIONS[function].home}",
            "JWT_SECRET": SECRET,
            "LOG_LEVEL": "ERROR",
        }
        service = service_from(environ, [function], monotonic=lambda: self.seconds)
        self.gateway = Gateway(create_app(functions=[function], service=service))
        self.issuer = TokenIssuer(secret=SECRET, ids=TimeOrderedIds())

    def _metered(self, region: str | None, endpoint: str | None) -> Transport:
        self.transports.append(Metering(open_transport(region, endpoint)))
        return self.transports[-1]

    def ask(
        self, method: str, path: str, query: str = "", body: Any = None
    ) -> tuple[Response, Cost]:
        """Return the answer to a request, and what it cost."""
        headers = {"Authorization": f"Bearer {self.issuer.issue('ada', now=utc_now())}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        sent = b"" if body is None else json.dumps(body).encode()
        before = self._spent()
        answer = self.gateway(Request(method, path, query, headers, sent))
        after = self._spent()
        return answer, Cost(after.requests - before.requests, after.read - before.read)

    def cost(self, method: str, path: str, query: str = "", body: Any = None) -> Cost:
        """Return what a request cost that was answered well."""
        answer, cost = self.ask(method, path, query, body)
        assert answer.status < 300, answer.body
        return cost

    def _spent(self) -> Cost:
        return Cost(
            sum(len(one.asked) for one in self.transports),
            sum(one.read for one in self.transports),
        )


def fill(url: str, emulator: Emulator, days: int) -> None:
    """Write an entry of 150 words on each of the last *days*, with all that follows from it."""
    store = DynamoDBStore(url, PlainText(), caller=patient(emulator.transport))
    me = store.accounts.get("ada")
    for day in range(days):
        start = day * 37 % (len(WORDS) - 150)
        at = utc_now() - timedelta(days=day)
        entry = an_entry(
            " ".join(WORDS[start : start + 150]),
            id=UUID(int=day + 1),
            occurred_at=at,
            local_date=at.date(),
            mood=5 if at.weekday() >= 5 else 2 + day % 2,
        )
        store.entries.put(me, entry, replaces=None)
        store.search.update(me, entry.id)
        store.insights.put(me, an_insight(entry))
        store.aggregates.apply(me, entry.id, 1, entry_facts(entry))


@pytest.fixture(scope="module")
def journal(dynamodb: Emulator) -> str:
    """A journal of 200 days."""
    url = dynamodb.url()
    fill(url, dynamodb, 200)
    return url


CREATE = ("POST", "/entries", "", {"content": " ".join(WORDS[:150]), "mood": 4})
GET = ("GET", f"/entries/{ENTRY}")
LIST = ("GET", "/entries")
SEARCH = ("GET", "/entries/search", "q=train")
TRENDS = ("GET", "/analytics/trends", NINETY_DAYS)


def update(number: int) -> tuple[Any, ...]:
    """Return the request that stars an entry."""
    return "PATCH", f"/entries/{UUID(int=number)}", "", {"starred": True}


def delete(number: int) -> tuple[Any, ...]:
    """Return the request that moves an entry to the trash."""
    return "DELETE", f"/entries/{UUID(int=number)}"


COSTS = {  # first request and another, requests to DynamoDB that the first takes, and the other
    "get": (GET, GET, 2, 1),
    "list": (LIST, LIST, 2, 1),
    "create": (CREATE, CREATE, 3, 2),
    "update": (update(2), update(3), 4, 3),
    "delete": (delete(4), delete(5), 4, 3),
}


@pytest.mark.parametrize("name", COSTS)
def test_requests_of_the_entries(journal: str, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The first looks up the account; for ten seconds, no other does."""
    first, other, cold, warm = COSTS[name]
    function = Deployed(journal, "entries", monkeypatch)
    assert function.cost(*first).requests == cold
    again = Deployed(journal, "entries", monkeypatch)
    again.cost("GET", "/entries/changes")
    again.seconds += 9.9
    assert again.cost(*other).requests == warm
    again.seconds += 0.1
    assert again.cost(*GET).requests == 2


FIRST_ANSWER = """
import json, sys
from reflekt_chalice.handlers import entries
answer = entries(json.loads(sys.argv[1]), None)
assert answer["statusCode"] == 200, answer
print(*sys.modules)
"""


def test_a_function_on_aws_loads_no_sdk(
    dynamodb: Emulator, journal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor what follows from entries, which it leaves to others: that would be most of its start."""
    function = Deployed(journal, "entries", monkeypatch)
    headers = {"Authorization": f"Bearer {function.issuer.issue('ada', now=utc_now())}"}
    event = function.gateway.event(Request("GET", f"/entries/{ENTRY}", "", headers))
    done = subprocess.run(
        [sys.executable, "-c", FIRST_ANSWER, json.dumps(event)],
        env={**os.environ, "REFLEKT_STORE": journal, "JWT_SECRET": SECRET, "LOG_LEVEL": "ERROR"},
        capture_output=True,
        text=True,
        check=True,
    )
    modules = set(done.stdout.split())
    unneeded = {"boto3", "botocore", "cryptography", "jwt", "sqlite3"}
    unneeded |= {
        f"reflekt_core.{name}"
        for name in (
            *("model.insights", "model.settings", "model.trends", "model.usage"),
            *("services.analytics", "stores.dynamodb.derived"),
        )
    }
    assert modules & unneeded == set()


def documented(request: str) -> Cost:
    """Return what the documentation says of a request whose account is remembered."""
    (found,) = re.findall(rf"^\| {request} \| (\d+) \| ([\d.]+) \|$", DOCUMENT, re.MULTILINE)
    return Cost(int(found[0]), float(found[1]))


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("an entry", GET),
        ("a list of 20", LIST),
        ("a new entry", CREATE),
        ("a change, or to the trash", update(6)),
        ("a change, or to the trash", delete(7)),
    ],
)
def test_the_documentation_says_what_requests_cost(
    journal: str, monkeypatch: pytest.MonkeyPatch, said: str, asked: tuple[Any, ...]
) -> None:
    """Of entries of 150 words."""
    function = Deployed(journal, "entries", monkeypatch)
    function.cost(*GET)
    assert function.cost(*asked) == documented(said)


def test_a_search_takes_few_requests(journal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many entries there are."""
    function = Deployed(journal, "entries", monkeypatch)
    function.cost(*GET)
    assert function.cost(*SEARCH).requests <= 3


def test_trends_cost_what_the_days_do(
    dynamodb: Emulator, journal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 90 days the same in a longer journal: few requests, and at most ten units."""
    function = Deployed(journal, "analytics", monkeypatch)
    function.cost("GET", "/analytics/mood")
    answer, cost = function.ask(*TRENDS)
    assert any(one["entry_ids"] for one in json.loads(answer.body)["observations"])
    said = documented("trends of 90 days, an entry on each")
    assert cost.requests == said.requests <= 3
    assert cost.read <= said.read <= 10
    longer = dynamodb.url()
    fill(longer, dynamodb, 400)
    function = Deployed(longer, "analytics", monkeypatch)
    function.cost("GET", "/analytics/mood")
    assert function.cost(*TRENDS) == cost
