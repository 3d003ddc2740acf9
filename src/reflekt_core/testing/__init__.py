"""
For testing Reflekt and what is built on it.

A store of your own is tested by subclassing `StoreContract`, which needs pytest and hypothesis::

    class TestMine(StoreContract):
        @pytest.fixture
        def store(self):
            store = MyStore(...)
            yield store
            store.close()

An assistant is tested by `AssistantContract` in the same way, a language model by
`CompletionContract`. `ScriptedCompletion` and `FunctionCompletion` stand in for one, and
`forbid_real_calls` sees to it that no test calls a real one.
"""

from reflekt_core.providers.language_model.access import forbid_real_calls
from reflekt_core.testing.assistants import AssistantContract
from reflekt_core.testing.completions import (
    CompletionContract,
    FunctionCompletion,
    ScriptedCompletion,
)
from reflekt_core.testing.derived import DerivedContract
from reflekt_core.testing.entries import EntriesContract
from reflekt_core.testing.fakes import NOW, FakeClock, FakeIds, an_entry, an_insight
from reflekt_core.testing.records import RecordsContract
from reflekt_core.testing.searching import SearchContract

__all__ = [
    "NOW",
    "AssistantContract",
    "CompletionContract",
    "FakeClock",
    "FakeIds",
    "FunctionCompletion",
    "ScriptedCompletion",
    "StoreContract",
    "an_entry",
    "an_insight",
    "forbid_real_calls",
]


class StoreContract(EntriesContract, SearchContract, DerivedContract, RecordsContract):
    """What every store must do: entries, search, what is derived, records, events, erasure."""
