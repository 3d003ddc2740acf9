"""
The store on AWS: a journal in six DynamoDB tables.

Every access names a user's partition: an item, some items, a range, or a transaction. Nothing is
ever scanned.
"""

import random
import re
import secrets
import time
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, urlsplit

from reflekt_core.errors import ConfigurationError, StoreError
from reflekt_core.ports import Aggregates, Cipher, Insights, Records, Search, Store
from reflekt_core.stores.dynamodb.accounts import DynamoDBAccounts
from reflekt_core.stores.dynamodb.database import Database
from reflekt_core.stores.dynamodb.entries import DynamoDBEntries
from reflekt_core.stores.dynamodb.heads import Heads
from reflekt_core.stores.dynamodb.outbox import StreamOutbox, events_from_images
from reflekt_core.stores.dynamodb.records import DynamoDBRecords, purge_expired
from reflekt_core.stores.dynamodb.tables import TABLES, Codec, schema
from reflekt_core.stores.dynamodb.transport import Caller, OwnTransport, Transport, open_transport

__all__ = ["DynamoDBStore", "create_tables", "events_from_images"]

T = TypeVar("T")

_WRONG: Final = (
    "a DynamoDB store is named dynamodb://prefix?region=eu-west-1; the prefix has up to 200 letters, "
    "digits and -_. and begins the tables' names. Optional: endpoint, the URL of an emulator; "
    "timeout, the seconds until a request is given up; account, the table in which accounts are "
    "looked up"
)
_OPTIONS: Final = {"region", "endpoint", "timeout", "account"}
_LONGEST_SECONDS: Final = 300
"""For ten minutes DynamoDB knows a request that is sent again."""


class DynamoDBStore(Store):
    """
    The store at ``dynamodb://prefix?region=eu-west-1``.

    Args:
        url: As above. ``endpoint`` names an emulator, ``timeout`` the seconds for one request with
            all its attempts (8), ``account`` the table in which accounts are looked up (entries).
        cipher: Seals the bodies of items. Ids, times, tags, and how much there is stay readable.
        caller: What sends requests, if not botocore as the URL says.

    Raises:
        ConfigurationError: The URL is not as above.
    """

    def __init__(self, url: str, cipher: Cipher, *, caller: Caller | None = None) -> None:
        prefix, options = _parsed(url)
        self._transport: OwnTransport | None = None
        if caller is None:
            self._transport = open_transport(options.get("region"), options.get("endpoint"))
            caller = _caller(self._transport, options)
        self._database = database = Database(caller, prefix, lambda: secrets.token_hex(16))
        self._codec = codec = Codec(cipher)
        self._heads = heads = Heads()
        self._sums = Heads()
        home = options.get("account", "entries")
        self.accounts = DynamoDBAccounts(database, codec, heads, home)
        self.entries = self._entries = DynamoDBEntries(database, codec, heads)
        self.outbox = StreamOutbox()

    # What follows from entries is loaded by who asks for it: a function that writes them does not.

    @cached_property
    def search(self) -> Search:  # type: ignore[override]
        """See `Store`."""
        from reflekt_core.stores.dynamodb.search import DynamoDBSearch  # noqa: PLC0415

        return DynamoDBSearch(self._database, self._codec, self._entries)

    @cached_property
    def insights(self) -> Insights:  # type: ignore[override]
        """See `Store`."""
        from reflekt_core.stores.dynamodb.derived import DynamoDBInsights  # noqa: PLC0415

        return DynamoDBInsights(self._database, self._codec, self._sums)

    @cached_property
    def aggregates(self) -> Aggregates:  # type: ignore[override]
        """See `Store`."""
        from reflekt_core.stores.dynamodb.derived import DynamoDBAggregates  # noqa: PLC0415

        return DynamoDBAggregates(self._database, self._codec, self._sums)

    def records(self, kind: type[T]) -> Records[T]:
        """See `Store`."""
        return DynamoDBRecords(self._database, self._codec, kind)

    def purge_expired(self, now: datetime, *, limit: int = 100) -> int:
        """See `Store`."""
        return purge_expired(self._database, now, limit)

    def backup(self, path: str) -> None:  # noqa: ARG002 - DynamoDB backs itself up
        """Refuse."""
        raise StoreError(
            "a journal on DynamoDB is backed up by AWS: use point-in-time recovery, or export it"
        )

    def close(self) -> None:
        """See `Store`."""
        if self._transport:
            self._transport.close()


def _caller(transport: Transport, options: Mapping[str, str]) -> Caller:
    return Caller(
        transport,
        clock=time.monotonic,
        sleep=time.sleep,
        random=random.random,
        deadline_seconds=float(options.get("timeout", "8")),
    )


def create_tables(client: Any, prefix: str) -> None:
    """
    Make the tables of *prefix* that do not exist, and wait until they can be used.

    For emulators, and for whoever uses DynamoDB without the service's own template.

    Args:
        client: A DynamoDB client of botocore's or boto3's.
        prefix: What the tables' names begin with.
    """
    for table in TABLES:
        try:
            client.create_table(**schema(prefix, table))
        except client.exceptions.ResourceInUseException:
            continue
    for table in TABLES:
        client.get_waiter("table_exists").wait(TableName=f"{prefix}-{table}")


def _parsed(url: str) -> tuple[str, dict[str, str]]:
    """Return the prefix and the options."""
    place, _, query = url.partition("?")
    scheme, slashes, prefix = place.partition("://")
    try:
        given = parse_qs(query, strict_parsing=True) if query else {}
        options = {name: value for name, (value,) in given.items()}
        seconds = float(options.get("timeout", "8"))
        endpoint = urlsplit(options.get("endpoint", "https://localhost"))
    except ValueError:
        raise ConfigurationError(_WRONG) from None
    if (
        (scheme, slashes) != ("dynamodb", "://")
        or not re.fullmatch(r"[\w.-]{1,200}", prefix, re.ASCII)
        or set(options) - _OPTIONS
        or not 0 < seconds <= _LONGEST_SECONDS
        or endpoint.scheme not in {"http", "https"}
        or not endpoint.hostname
        or options.get("account", "entries") not in TABLES
    ):
        raise ConfigurationError(_WRONG)
    return prefix, options
