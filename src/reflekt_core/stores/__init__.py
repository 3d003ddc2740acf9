"""Stores, by the scheme of their URL."""

from importlib import import_module

from reflekt_core.errors import ConfigurationError
from reflekt_core.ports import Cipher, PlainText, Store

__all__ = ["STORES", "open_store"]

STORES: dict[str, str] = {
    "dynamodb": "reflekt_core.stores.dynamodb:DynamoDBStore",
    "memory": "reflekt_core.stores.memory:MemoryStore",
    "sqlite": "reflekt_core.stores.sqlite:SQLiteStore",
}
"""URL scheme: ``module:Class``. The class is made with the URL and a cipher."""


def open_store(url: str, cipher: Cipher | None = None) -> Store:
    """
    Return the store at *url*, such as ``sqlite:///journal.db``, made if it does not exist.

    Args:
        url: Its scheme is one of `STORES`.
        cipher: Seals what is kept; by default nothing is encrypted.

    Raises:
        ConfigurationError: The scheme is not known.
        StoreError: The store cannot be opened.
    """
    scheme, separator, _ = str(url).partition("://")
    if not separator or scheme not in STORES:
        known = ", ".join(f"{name}://" for name in sorted(STORES))
        raise ConfigurationError(f"a store's URL begins with one of {known}")
    module, name = STORES[scheme].split(":")
    store: Store = getattr(import_module(module), name)(url, cipher or PlainText())
    return store
