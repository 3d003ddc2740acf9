"""Accounts that functions remember for some seconds."""

from datetime import timedelta

import pytest

from reflekt_chalice.accounts import LookingAgain, RememberedAccounts
from reflekt_chalice.service import opened_from
from reflekt_core import Reflekt
from reflekt_core.app import TimeOrderedIds, utc_now
from reflekt_core.errors import AccountErased
from reflekt_core.model.accounts import Account
from reflekt_core.ports import Store
from reflekt_core.rest.dispatch import Dispatch
from reflekt_core.rest.messages import Request
from reflekt_core.security.tokens import TokenIssuer, TokenVerifier
from reflekt_core.stores import open_store
from reflekt_core.testing.records import EVENT, JOB, NOW

from .dynamodb_emulator import Emulator
from .http_contract import CURSOR_SECRET, SECRET


class Clock:
    """Seconds that a test turns."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


@pytest.fixture
def store() -> Store:
    """A store, in which others erase accounts."""
    return open_store("memory://")


@pytest.fixture
def accounts(store: Store, clock: Clock) -> RememberedAccounts:
    """Its accounts, as a function sees them."""
    return RememberedAccounts(store.accounts, clock)


def erase(store: Store, user_id: str = "ada") -> None:
    """Erase an account from elsewhere."""
    begun = store.accounts.begin_erasure(store.accounts.get(user_id), JOB, EVENT, NOW)
    store.accounts.end_erasure(begun)


def test_an_account_is_remembered_for_ten_seconds(
    store: Store, accounts: RememberedAccounts, clock: Clock
) -> None:
    """Then it is looked up again."""
    assert accounts.get("ada") == Account("ada")
    erase(store)
    clock.seconds += 9.9
    assert accounts.get("ada") == Account("ada")
    assert accounts.get("grace") == Account("grace")
    clock.seconds += 0.1
    assert accounts.get("ada").epoch == 1


def test_an_erasure_that_begins_here_is_noticed_at_once(accounts: RememberedAccounts) -> None:
    """By those who ask here."""
    begun = accounts.begin_erasure(accounts.get("ada"), JOB, EVENT, NOW)
    assert accounts.get("ada") == begun
    assert accounts.erase_some(begun, 10, JOB.id) == 0


def test_an_erasure_that_ends_here_is_noticed_at_once(
    store: Store, accounts: RememberedAccounts
) -> None:
    """Although it began elsewhere."""
    begun = store.accounts.begin_erasure(accounts.get("ada"), JOB, EVENT, NOW)
    accounts.end_erasure(begun)
    assert accounts.get("ada").epoch == 1


def test_who_may_not_erase_looks_again(store: Store, accounts: RememberedAccounts) -> None:
    """Somebody else has erased it meanwhile."""
    before = accounts.get("ada")
    erase(store)
    with pytest.raises(AccountErased):
        accounts.begin_erasure(before, JOB, EVENT, NOW)
    assert accounts.get("ada").epoch == 1


def test_an_erasure_is_not_remembered(store: Store, accounts: RememberedAccounts) -> None:
    """It may end at any time, and who waits for that is not kept waiting longer."""
    begun = store.accounts.begin_erasure(store.accounts.get("ada"), JOB, EVENT, NOW)
    assert accounts.get("ada").erasing
    store.accounts.end_erasure(begun)
    assert not accounts.get("ada").erasing


def test_what_is_remembered_is_bounded(accounts: RememberedAccounts) -> None:
    """However many users there are."""
    for number in range(2500):
        accounts.get(f"{number}")
    assert len(accounts._kept) <= 1000


class Client:
    """A user of a function that remembers accounts."""

    def __init__(self, store: Store, accounts: RememberedAccounts) -> None:
        store.accounts = accounts
        answering = Dispatch(
            Reflekt.on(store), TokenVerifier(secret=SECRET), cursor_secret=CURSOR_SECRET
        )
        self.answer = LookingAgain(answering, accounts)
        issuer = TokenIssuer(secret=SECRET, ids=TimeOrderedIds())
        self.headers = {
            "authorization": f"Bearer {issuer.issue('ada', now=utc_now())}",
            "content-type": "application/json",
        }

    def write(self) -> int:
        """Return the status of writing an entry."""
        body = b'{"content": "We swam."}'
        return int(self.answer(Request("POST", "/entries", "", self.headers, body)).status)


def test_a_write_after_an_erasure_is_refused_once(store: Store, clock: Clock) -> None:
    """It rests on what was remembered; the next does not."""
    accounts = store.accounts
    client = Client(store, RememberedAccounts(accounts, clock))
    assert client.write() == 201
    old = accounts.get("ada")
    accounts.end_erasure(accounts.begin_erasure(old, JOB, EVENT, NOW - timedelta(days=1)))
    assert [client.write(), client.write()] == [409, 201]


@pytest.mark.parametrize(
    ("names", "remembers"), [(["entries"], True), (["ai"], False), (None, False)], ids=str
)
def test_who_sends_text_to_a_vendor_remembers_nothing(
    dynamodb: Emulator, names: list[str] | None, *, remembers: bool
) -> None:
    """Before each attempt the account is looked up: once it is being erased, nothing is sent."""
    environ = {"REFLEKT_STORE": dynamodb.url(), "JWT_SECRET": SECRET, "LOG_LEVEL": "ERROR"}
    service, background = opened_from(environ, names)
    assert isinstance(service.dispatch(), LookingAgain) is remembers
    background.store().close()


def test_what_follows_events_remembers_nothing(dynamodb: Emulator) -> None:
    """A function that answers requests and events alike sees an erasure at once in its events."""
    environ = {"REFLEKT_STORE": dynamodb.url(), "JWT_SECRET": SECRET, "LOG_LEVEL": "ERROR"}
    service, background = opened_from(environ, ["ai"])
    service.dispatch()
    store = background.store()
    assert not isinstance(store.accounts, RememberedAccounts)
    before = store.accounts.get("ada")
    store.accounts.begin_erasure(before, JOB, EVENT, NOW)
    with pytest.raises(AccountErased):
        store.aggregates.apply(before, JOB.id, 1, None)
    assert store.accounts.get("ada").erasing
    store.close()
