"""Which function answers what, loads what, and touches which tables."""

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from reflekt_chalice.bus import Bus, entry_of
from reflekt_chalice.functions import FUNCTIONS, Access, operations_of
from reflekt_chalice.service import Background
from reflekt_chalice.triggers import job_worker
from reflekt_core import Reflekt
from reflekt_core.errors import ConfigurationError
from reflekt_core.model.events import Event, EventKind
from reflekt_core.model.jobs import Job, JobKind, JobState
from reflekt_core.model.settings import Vendor
from reflekt_core.model.settings_patch import AISettingsPatch
from reflekt_core.operations import OPERATIONS
from reflekt_core.ports import PlainText
from reflekt_core.providers import local_assistant
from reflekt_core.rest.dispatch import Dispatch
from reflekt_core.security.tokens import TokenVerifier
from reflekt_core.services.analytics import count_entry
from reflekt_core.services.assistance import Gate
from reflekt_core.services.insights import understand
from reflekt_core.services.search import index_entry
from reflekt_core.stores.dynamodb import DynamoDBStore
from reflekt_core.stores.dynamodb.tables import TABLES
from reflekt_core.stores.dynamodb.transport import Transport

from .aws_simulation import bus_event, scheduled
from .dynamodb_emulator import Emulator, patient
from .http_contract import CURSOR_SECRET, NOW, SECRET, Client, token

if TYPE_CHECKING:
    from reflekt_core.rest.messages import Response

ANSWERING = sorted(name for name, function in FUNCTIONS.items() if function.operations)
API_GATEWAY_SECONDS = 29
LAMBDA_SECONDS = 900


def test_every_operation_belongs_to_one_function() -> None:
    """Nothing is answered twice, and nothing by nobody."""
    answered = [id for function in FUNCTIONS.values() for id in function.operations]
    assert sorted(answered) == sorted(operation.id for operation in OPERATIONS)


def test_a_path_belongs_to_one_function() -> None:
    """So that a path's methods are known where it is answered."""
    of: dict[str, set[str]] = {}
    for name in ANSWERING:
        for operation in operations_of([name]):
            of.setdefault(operation.path, set()).add(name)
    assert {path: names for path, names in of.items() if len(names) != 1} == {}


def test_one_function_knows_ai_keys_and_one_shows_the_documentation() -> None:
    """Keys are where they are needed."""
    assert [name for name, f in FUNCTIONS.items() if f.ai_key] == ["ai"]
    assert [name for name, f in FUNCTIONS.items() if f.documentation] == ["settings"]


def test_functions_ask_for_what_lambda_can_give() -> None:
    """Tables exist, none that only answers requests outlasts API Gateway, and the authorizer touches nothing."""
    for function in FUNCTIONS.values():
        assert set(function.tables) <= set(TABLES)
        assert 128 <= function.memory_mb <= 10240
        assert (
            0
            < function.timeout_seconds
            <= (LAMBDA_SECONDS if function.events or function.streams else API_GATEWAY_SECONDS)
        )
    assert not FUNCTIONS["authorizer"].tables


def test_an_unknown_function_is_refused() -> None:
    """The message lists those there are."""
    with pytest.raises(ConfigurationError, match="no function 'entry'; known: account, ai"):
        operations_of(["entry"])


# What a function loads

HEAVY = (
    *("anthropic", "boto3", "botocore", "cryptography", "httpx2", "jwt", "openai"),
    *("reflekt_core.cli", "reflekt_core.client", "reflekt_core.evaluation"),
    *(
        f"reflekt_core.providers.{name}"
        for name in ("anthropic", "language_model", "local", "openai")
    ),
    "reflekt_core.rest.docs",
    "reflekt_core.rest.openapi",
    "reflekt_core.rest.wsgi",
    "reflekt_core.testing",
    *("reflekt_core.stores.dynamodb", "reflekt_core.stores.sqlite", "sqlite3"),
)
"""What no function needs for its first answers from memory."""

SERVICES = {
    "entries": "entries",
    "analytics": "analytics",
    "settings": "settings",
    "account": "transfer",
}
ASKED = {
    "entries": ("POST", "/entries", '{"content": "We swam."}'),
    "analytics": ("GET", "/analytics/mood", None),
    "settings": ("GET", "/settings", None),
    "account": ("GET", "/account/export", None),
}


def loaded(program: str) -> set[str]:
    """Return the modules that *program* loads."""
    done = subprocess.run(
        [sys.executable, "-c", program + "\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


ONE_REQUEST = """
import datetime, uuid
from reflekt_chalice.functions import FUNCTIONS
from reflekt_chalice.adapter import create_app
from reflekt_chalice.service import service_from
from reflekt_core.security.tokens import TokenIssuer
environ = {{"JWT_SECRET": {secret!r}, "REFLEKT_STORE": "memory://", "LOG_LEVEL": "ERROR"}}
issuer = TokenIssuer(secret={secret!r}, ids=uuid.uuid4)
token = issuer.issue("ada", now=datetime.datetime.now(datetime.UTC))
app = create_app(functions=[{name!r}], service=service_from(environ, [{name!r}]))
headers = {{"Authorization": "Bearer " + token, "Content-Type": "application/json"}}
event = {{
    "headers": headers, "multiValueHeaders": None, "multiValueQueryStringParameters": None,
    "pathParameters": None, "stageVariables": None, "body": {body!r}, "isBase64Encoded": False,
    "requestContext": {{"resourcePath": {path!r}, "path": {path!r}, "httpMethod": {method!r}}},
}}
answer = app(event, None)
assert answer["statusCode"] in (200, 201), answer
"""


@pytest.mark.parametrize("name", sorted(ASKED))
def test_a_function_loads_what_it_needs(name: str) -> None:
    """A first answer loads no AI provider, no documentation, and no SDK."""
    method, path, body = ASKED[name]
    program = ONE_REQUEST.format(secret=SECRET, name=name, method=method, path=path, body=body)
    modules = loaded(program)
    assert f"reflekt_core.services.{SERVICES[name]}" in modules
    assert modules & set(HEAVY) == set()


def test_the_authorizer_loads_less_still() -> None:
    """It needs neither Chalice nor the operations."""
    modules = loaded("from reflekt_chalice import create_authorizer; create_authorizer()")
    unneeded = {
        *HEAVY,
        "chalice",
        "cattrs",
        "reflekt_core.operations",
        "reflekt_core.rest.dispatch",
    }
    assert modules & unneeded == set()


def test_of_chalice_only_the_app_is_loaded() -> None:
    """The rest of it is for deploying, and is not there at run time."""
    modules = loaded("from reflekt_chalice import create_app; create_app()")
    assert {name for name in modules if name.startswith("chalice.")} == {"chalice.app"}


ONE_EVENT = """
import json, os
os.environ |= {{"REFLEKT_STORE": "memory://", "REFLEKT_EVENT_BUS": "journal"}}
from reflekt_chalice import handlers
handler = getattr(handlers, {name!r})
handler(json.loads({event!r}), None)
"""
AN_EVENT = {
    "source": "reflekt",
    "detail-type": "EntryCreated",
    "id": "e",
    "detail": {
        "user_id": "ada",
        "subject_id": str(UUID(int=7)),
        "version": 1,
        "occurred_at": "2026-11-22T18:40:00+00:00",
    },
}
FOLLOWED: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "analytics_consumer": (AN_EVENT, "reflekt_core.services.analytics"),
    "search_consumer": (AN_EVENT, "reflekt_core.services.search"),
    "jobs": (AN_EVENT | {"detail-type": "JobRequested"}, "reflekt_core.services.jobs"),
    "publisher": ({"Records": []}, "reflekt_chalice.bus"),
}


@pytest.mark.parametrize("name", sorted(FOLLOWED))
def test_who_follows_from_events_loads_no_api(name: str) -> None:
    """No framework, no operations, nothing of HTTP but the log; and no SDK before it is needed."""
    event, needed = FOLLOWED[name]
    modules = loaded(ONE_EVENT.format(name=name, event=json.dumps(event)))
    unneeded = {*HEAVY, "chalice", "reflekt_core.app", "reflekt_core.rest.dispatch"}
    unneeded |= {"reflekt_core.operations"} if name != "jobs" else set()
    # To make events of images is the store's; it loads no SDK for that.
    unneeded -= {"reflekt_core.stores.dynamodb"} if name == "publisher" else set()
    assert needed in modules
    assert modules & unneeded == set()


@pytest.mark.parametrize("name", ["publisher", "analytics_consumer", "search_consumer"])
def test_who_needs_no_assistant_loads_none(name: str) -> None:
    """Insights and the way to them are loaded by those who make them."""
    modules = loaded(ONE_EVENT.format(name=name, event=json.dumps(FOLLOWED[name][0])))
    assert "reflekt_core.services.assistance" not in modules
    assert "reflekt_core.services.insights" not in modules


def test_the_handler_of_the_authorizer_loads_no_api() -> None:
    """Nor what others need who follow from events."""
    modules = loaded("from reflekt_chalice import handlers; handlers.authorizer")
    unneeded = {"chalice", "cattrs", "reflekt_core.operations", "reflekt_core.rest.dispatch"}
    assert modules & {*HEAVY, *unneeded, "reflekt_chalice.triggers"} == set()


# What a function touches


class Recording:
    """Notes which tables are read and which are written."""

    def __init__(self, below: Transport) -> None:
        self.below = below
        self.touched: dict[str, set[str]] = {}

    def call(self, operation: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Send the request."""
        writes = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"}
        if operation in {"TransactWriteItems", "TransactGetItems"}:
            for one in payload["TransactItems"]:
                ((kind, part),) = one.items()
                self._note(part["TableName"], writing=kind in {"Put", "Update", "Delete"})
        elif "RequestItems" in payload:
            for table in payload["RequestItems"]:
                self._note(table, writing=operation in writes)
        else:
            self._note(payload["TableName"], writing=operation in writes)
        return self.below.call(operation, payload)

    def _note(self, table: str, *, writing: bool) -> None:
        kind = Access.WRITE if writing else Access.READ
        self.touched.setdefault(table.rpartition("-")[2], set()).add(kind)

    def tables(self) -> dict[str, Access]:
        """Return what was done with each table."""
        return {
            table: Access.WRITE if Access.WRITE in kinds else Access.READ
            for table, kinds in self.touched.items()
        }


ENTRY, CATEGORY, OTHER = (str(UUID(int=n)) for n in (7, 8, 9))
SAID: Mapping[str, list[Any]] = {
    "entries.create": [{"content": "We sat.", "category_id": CATEGORY, "tags": ["sea"]}],
    "entries.put": [{"content": "We swam again."}],
    "entries.update": [{"mood": 3, "category_id": CATEGORY}],
    "tags.rename": [{"name": "ocean"}],
    "categories.create": [{"name": "home"}],
    "categories.put": [{"name": "garden"}],
    "prompts.generate": [{}],
    "suggestions.create": [{"content": "I went to"}],
    "summaries.create": [{"from": "2026-11-01", "to": "2026-11-23"}],
    "settings.update": [{"ai": {"consent": ["openai"]}}, {"ai": {"consent": []}}],
    "account.delete": [{"confirm": "ada"}],
}
"""The bodies with which each operation does all that it can do."""
ASKED_FOR = {"entries.search": "q=swam", "admin.usage": "user_id=ada"}


def client(url: str, transport: Transport, **more: Any) -> Client:
    """Return an administrator who asks a journal on DynamoDB."""
    store = DynamoDBStore(url, PlainText(), caller=patient(transport))
    reflekt = Reflekt.on(store, clock=lambda: NOW + timedelta(seconds=1), settles=False)
    verifier = TokenVerifier(secret=SECRET)
    dispatch = Dispatch(reflekt, verifier, cursor_secret=CURSOR_SECRET, **more)
    return Client(dispatch, token(role="admin"))


def filled(url: str, transport: Transport) -> str:
    """Write something of everything; return the id of a job."""
    full = client(url, transport)
    for id in (CATEGORY, OTHER):
        assert full("PUT", f"/categories/{id}", data={"name": f"name {id}"}).status == 201
    entry = {"content": "We swam in the sea.", "tags": ["sea"], "category_id": CATEGORY}
    assert full("PUT", f"/entries/{ENTRY}", data=entry).status == 201
    job: str = json.loads(full("DELETE", f"/categories/{OTHER}").body)["id"]
    return job


@pytest.mark.parametrize("name", ANSWERING)
def test_a_function_touches_its_own_tables(dynamodb: Emulator, name: str) -> None:
    """Everything that it does, it does in the tables that it is given; and it needs them all."""
    url = dynamodb.url()
    job = filled(url, dynamodb.transport)
    recording = Recording(dynamodb.transport)
    home = f"{url}&account={FUNCTIONS[name].home}"
    # What ends the account comes last.
    for operation in sorted(operations_of([name]), key=lambda op: op.id == "account.delete"):
        ask = client(home, recording, operations=[operation])
        id = {"jobs": job, "categories": CATEGORY}.get(operation.tag, ENTRY)
        path = operation.path.replace("{tag}", "sea").replace("{id}", id)
        headers = {"Idempotency-Key": f"{operation.id}-1"} if operation.repeatable else {}
        for data in SAID.get(operation.id, [None]):
            answer: Response = ask(
                operation.method,
                path,
                data=data,
                query=ASKED_FOR.get(operation.id, ""),
                headers=headers,
            )
            assert answer.status < 300, (operation.id, answer.body)
    assert recording.tables() == FUNCTIONS[name].tables


def followed(url: str, name: str, transport: Transport) -> Background:
    """Return what the function works with that follows from events."""
    home = f"{url}&account={FUNCTIONS[name].home}"
    store = DynamoDBStore(home, PlainText(), caller=patient(transport))
    gate = Gate(store, much_later, lambda: (), local_assistant)
    return Background(lambda: store, lambda: gate, lambda: 30, much_later)


def much_later() -> datetime:
    """Return when all of the trash is due, and nothing else."""
    return NOW + timedelta(days=31)


def follow(name: str, background: Background, event: Event) -> None:
    """Do what the function does with *event*."""
    if name == "ai":
        understand(background.gate(), event)
    elif name == "analytics_consumer":
        count_entry(background.store(), event)
    else:
        index_entry(background.store(), event)


@pytest.mark.parametrize("name", ["ai", "analytics_consumer", "search_consumer"])
def test_who_follows_from_entries_touches_its_own_tables(dynamodb: Emulator, name: str) -> None:
    """Of an entry that is there and one that is gone; and it needs all tables that it is given."""
    url = dynamodb.url()
    filled(url, dynamodb.transport)
    full = client(url, dynamodb.transport)
    assert full("PUT", f"/entries/{OTHER}", data={"content": "Gone soon."}).status == 201
    assert full("DELETE", f"/entries/{OTHER}", query="permanent=true").status == 204
    recording = Recording(dynamodb.transport)
    background = followed(url, name, recording)
    for kind, id in ((EventKind.ENTRY_CREATED, ENTRY), (EventKind.ENTRY_DELETED, OTHER)):
        follow(name, background, Event(kind, "ada", id, 1, NOW))
    given = FUNCTIONS[name].tables
    for table, access in recording.tables().items():
        assert access in {given[table], Access.READ}
    if not FUNCTIONS[name].operations:  # whoever answers requests may need more for them
        assert recording.tables() == given


def test_jobs_touch_every_table(dynamodb: Emulator) -> None:
    """Each kind of job, and purging, need together what the function is given."""
    url = dynamodb.url()
    filled(url, dynamodb.transport)
    store = DynamoDBStore(url, PlainText(), caller=patient(dynamodb.transport))
    ada = Reflekt.on(store, user="ada", clock=lambda: NOW, settles=False)
    for consent in ((Vendor.OPENAI,), ()):
        ada.settings.update(ai=AISettingsPatch(consent=consent))
    ada.entries.delete(ada.entries.create("Gone soon.").id)
    ada.tags.rename("sea", "ocean")
    ada.categories.delete(UUID(CATEGORY))
    for kind in (JobKind.REBUILD_ANALYTICS, JobKind.REBUILD_INDEX):
        ada.rebuild(kind)
    recording = Recording(dynamodb.transport)
    background = followed(url, "jobs", recording)
    work = job_worker(background, lambda: Bus("journal", lambda: None))
    asked = store.records(Job).list("ada", limit=100).items
    assert {job.kind for job in asked} == set(JobKind) - {JobKind.ERASE_ACCOUNT}
    work(scheduled())
    for job in asked:
        event = Event(EventKind.JOB_REQUESTED, "ada", str(job.id), job.version, NOW)
        work(bus_event(entry_of("journal", event)))
    erasure = ada.account.delete(confirm="ada")
    event = Event(EventKind.JOB_REQUESTED, "ada", str(erasure.id), 1, NOW)
    work(bus_event(entry_of("journal", event)))
    states = {job.state for job in store.records(Job).list("ada", limit=100)}
    assert states == {JobState.DONE}
    assert recording.tables() == FUNCTIONS["jobs"].tables
