"""Every store passes the one contract, and the table names every store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reflekt_core.errors import ConfigurationError, StoreError
from reflekt_core.ports import Store
from reflekt_core.stores import STORES, open_store
from reflekt_core.testing import StoreContract

URLS = {
    "memory": "memory://",
    "sqlite": "sqlite:///{folder}/journal.db",
    "dynamodb": "dynamodb://prefix",
}


@pytest.mark.parametrize("scheme", sorted(URLS), scope="class")
class TestStores(StoreContract):
    """The contract, over the table of stores."""

    @pytest.fixture
    def store(self, scheme: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Store]:
        """Give an empty store of the scheme."""
        if scheme == "dynamodb":  # on an emulator, with events made of what it stores
            opened: Store = request.getfixturevalue("dynamodb").store()
        else:
            opened = open_store(URLS[scheme].format(folder=tmp_path))
        yield opened
        opened.close()


def test_a_store_without_the_contract_does_not_exist() -> None:
    """Every row of the table of stores is tested here."""
    assert set(STORES) == set(URLS)


def test_an_unknown_scheme_names_those_known() -> None:
    """The error says what a URL may begin with."""
    for url in ("postgres://x", "journal.db", ""):
        with pytest.raises(ConfigurationError, match="dynamodb://, memory://, sqlite://"):
            open_store(url)


def test_memory_cannot_be_backed_up(tmp_path: Path) -> None:
    """Nothing is written, and the error says what can be."""
    with pytest.raises(StoreError, match="sqlite"):
        open_store("memory://").backup(str(tmp_path / "b.db"))
    assert list(tmp_path.iterdir()) == []
