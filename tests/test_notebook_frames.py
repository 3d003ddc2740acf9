"""Journals and trends as DataFrames: every value in its column, with the right type."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import httpx2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflekt_core import AsyncClient, Client, Reflekt
from reflekt_core.app import TimeOrderedIds
from reflekt_core.errors import ConfigurationError
from reflekt_core.model.entries import Entry
from reflekt_core.model.insights import InsightFailure, InsightState, InsightStatus
from reflekt_core.model.trends import Bucket
from reflekt_core.notebook import hours_frame, moods_frame, to_dataframe, topics_frame
from reflekt_core.rest.dispatch import Dispatch
from reflekt_core.rest.wsgi import application
from reflekt_core.security.tokens import TokenIssuer, TokenVerifier
from reflekt_core.stores import open_store
from reflekt_core.testing import FakeClock
from reflekt_core.testing.entries import entries
from reflekt_core.testing.fakes import an_entry

SECRET = "a-secret-of-tests-0Kq7vTz3nB8xLw5mYd2s"
INSTANT = "datetime64[us, UTC]"
MOMENT = "datetime64[us]"
COLUMNS = {
    "occurred_at": INSTANT,
    "local_time": MOMENT,
    "time_zone": "category",
    "local_date": MOMENT,
    "title": "string",
    "content": "string",
    "category": "category",
    "tags": "object",
    "mood": "Int64",
    "starred": "bool",
    "word_count": "int64",
    "version": "int64",
    "created_at": INSTANT,
    "updated_at": INSTANT,
}
UNDERSTOOD = {
    "sentiment": "category",
    "sentiment_score": "Float64",
    "emotion": "category",
    "topics": "object",
}
PERIOD = {"from_": date(2026, 11, 1), "to": date(2026, 11, 30)}


def types(frame: pd.DataFrame) -> dict[str, str]:
    """Return the type of each column, by name."""
    return {str(name): str(kind) for name, kind in frame.dtypes.items()}


def understood(frame: pd.DataFrame) -> list[bool]:
    """Say of each entry whether there is a sentiment."""
    return frame["sentiment"].notna().tolist()


@pytest.fixture
def journal(clock: FakeClock) -> Iterator[Reflekt]:
    """A journal in memory, whose assistant is on this machine."""
    with Reflekt.on(open_store("memory://"), clock=clock, assistant="local") as opened:
        yield opened


@given(st.lists(entries(), max_size=5))
def test_every_entry_is_a_row_with_its_values(made: list[Entry]) -> None:
    """Rows are in the order of the entries; nothing is lost, and nothing stands for what is not."""
    frame = to_dataframe(iter(made))
    assert frame.index.tolist() == [str(entry.id) for entry in made]
    assert types(frame) == COLUMNS
    for entry, (_, row) in zip(made, frame.iterrows(), strict=True):
        assert row["occurred_at"].to_pydatetime() == entry.occurred_at
        assert row["local_time"].to_pydatetime() == entry.occurred_at.replace(tzinfo=None)
        assert row["local_date"].date() == entry.local_date
        assert row["time_zone"] == entry.time_zone
        assert (row["title"], row["content"]) == (entry.title, entry.content)
        assert row["tags"] == entry.tags
        assert pd.isna(row["mood"]) if entry.mood is None else row["mood"] == entry.mood
        assert row["starred"] == entry.starred
        assert row["word_count"] == entry.word_count
        category = entry.category_id
        assert pd.isna(row["category"]) if category is None else row["category"] == str(category)


def test_an_empty_journal_has_the_same_columns(journal: Reflekt) -> None:
    """Without entries there are no rows; columns and their types stay."""
    assert types(journal.entries.to_dataframe()) == COLUMNS
    frame = journal.entries.to_dataframe(insights=True)
    assert len(frame) == 0
    assert types(frame) == COLUMNS | UNDERSTOOD


def test_instants_are_in_utc_and_clocks_are_the_writers(journal: Reflekt) -> None:
    """An entry from New York has its instant, and beside it what the clock on the wall showed."""
    at = datetime(2026, 7, 1, 23, 30, tzinfo=ZoneInfo("America/New_York"))
    journal.entries.create("x", occurred_at=at, time_zone="America/New_York")
    row = journal.entries.to_dataframe().iloc[0]
    assert row["occurred_at"] == pd.Timestamp("2026-07-02 03:30", tz="UTC")
    assert row["local_time"] == pd.Timestamp("2026-07-01 23:30")
    assert row["time_zone"] == "America/New_York"


@pytest.mark.parametrize("year", [1000, 1969, 9000])
def test_far_years_are_not_bent(journal: Reflekt, year: int) -> None:
    """Times keep their microseconds where nanoseconds since 1970 would not reach."""
    at = datetime(year, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
    journal.entries.create("x", occurred_at=at)
    row = journal.entries.to_dataframe().iloc[0]
    assert row["occurred_at"].to_pydatetime() == at
    assert row["local_date"].to_pydatetime() == datetime(year, 2, 3)  # noqa: DTZ001 - a day


def test_everything_of_the_journal_is_there_oldest_first(journal: Reflekt) -> None:
    """More than one page is gone through."""
    start = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for number in range(205):
        journal.entries.create(str(number), occurred_at=start + timedelta(hours=number))
    assert journal.entries.to_dataframe()["content"].tolist() == [str(n) for n in range(205)]


def test_filters_are_those_of_a_list(journal: Reflekt) -> None:
    """Period, category, tag, mood, star and trash choose the rows."""
    swims = journal.categories.create("Swims")
    fields: list[dict[str, Any]] = [
        {"mood": 1},
        {"mood": 5, "starred": True, "tags": ["sea"]},
        {"category_id": swims.id, "occurred_at": datetime(2020, 1, 1, tzinfo=UTC)},
        {"mood": 3},
    ]
    made = [journal.entries.create("x", **one) for one in fields]
    journal.entries.delete(made[3].id)

    def chosen(**wanted: Any) -> list[int]:
        index = journal.entries.to_dataframe(**wanted).index.tolist()
        return [number for number, one in enumerate(made) if str(one.id) in index]

    assert chosen() == [0, 1, 2]
    assert chosen(mood_max=2) == [0]
    assert chosen(mood_min=4) == [1]
    assert chosen(starred=True) == [1]
    assert chosen(tag=["sea"]) == [1]
    assert chosen(category_id=swims.id) == [2]
    assert chosen(from_=date(2026, 1, 1)) == [0, 1]
    assert chosen(to=date(2020, 1, 1)) == [2]
    assert chosen(trashed=True) == [3]


def test_categories_have_their_names(journal: Reflekt) -> None:
    """A category is shown by name, even the 101st; one that is not known keeps its id."""
    drawers = [journal.categories.create(f"Drawer {number}") for number in range(101)]
    journal.entries.create("x", category_id=drawers[100].id)
    assert journal.entries.to_dataframe()["category"].tolist() == ["Drawer 100"]
    stranger = attrs.evolve(an_entry("x"), category_id=UUID(int=7))
    assert to_dataframe([stranger])["category"].tolist() == [str(UUID(int=7))]


def test_insights_stand_beside_their_entries(journal: Reflekt) -> None:
    """With insights, sentiment, score, the strongest emotion and topics are columns."""
    entry = journal.entries.create("What a wonderful day with my family, we were so happy.")
    row = journal.entries.to_dataframe(insights=True).iloc[0]
    found: Any = journal.entries.insights(entry.id)
    assert row["sentiment"] == found.sentiment.label == "positive"
    assert row["sentiment_score"] == found.sentiment.score
    assert row["emotion"] == max(found.emotions, key=lambda one: one.score).name
    assert row["topics"] == tuple(topic.name for topic in found.topics)
    assert "family" in row["topics"]


def test_what_is_not_understood_is_missing(journal: Reflekt) -> None:
    """Failed, pending, switched off, of an older text, or in the trash: all of it is missing."""
    made = [journal.entries.create("A wonderful day, we were happy.") for _ in range(2)]
    good: Any = journal.entries.insights(made[0].id)
    answers = {
        made[0].id: good,
        made[1].id: attrs.evolve(good, stale=True),
    }
    frame = to_dataframe(made, insights=answers.__getitem__)
    assert understood(frame) == [True, False]
    assert frame["topics"].iloc[1] == ()
    for answer in (InsightFailure("ai_timeout"), InsightState(InsightStatus.OFF)):
        frame = to_dataframe(made, insights=lambda _, answer=answer: answer)
        assert understood(frame) == [False, False]
        assert frame["sentiment_score"].isna().all()
    journal.entries.delete(made[0].id)
    assert understood(journal.entries.to_dataframe(insights=True, trashed=True)) == [False]


def test_an_emotionless_insight_has_none(journal: Reflekt) -> None:
    """Where no emotion was found, the column is missing and not an error."""
    entry = journal.entries.create("A wonderful day.")
    bare = attrs.evolve(journal.entries.insights(entry.id), emotions=())
    assert to_dataframe([entry], insights=lambda _: bare)["emotion"].isna().all()


@pytest.mark.parametrize("bucket", list(Bucket))
def test_trends_have_a_row_for_each_bucket(journal: Reflekt, bucket: Bucket) -> None:
    """Days, weeks or months are rows by their first day; means without entries are missing."""
    at = datetime(2026, 11, 5, 12, tzinfo=UTC)
    journal.entries.create("What a wonderful day.", mood=4, occurred_at=at)
    journal.entries.create("We swam.", occurred_at=at + timedelta(minutes=1))
    found = journal.analytics.trends(**PERIOD, bucket=bucket)
    frame = found.to_dataframe()
    assert [at.date() for at in frame.index] == [one.start for one in found.buckets]
    assert str(frame.index.dtype) == MOMENT
    assert types(frame) == {
        "days": "int64",
        "entries": "int64",
        "words": "int64",
        "mean_mood": "Float64",
        "mean_sentiment": "Float64",
    }
    assert frame["entries"].sum() == 2
    assert frame["mean_mood"].dropna().tolist() == [4.0]
    assert frame["mean_mood"].isna().sum() == len(frame) - 1
    written = journal.analytics.frequency(**PERIOD, bucket=bucket).to_dataframe()
    pd.testing.assert_frame_equal(written, frame)
    moods = journal.analytics.mood(**PERIOD, bucket=bucket).to_dataframe()
    assert types(moods) == {"entries": "int64", "mean_mood": "Float64"}
    assert moods["entries"].sum() == 1
    pd.testing.assert_frame_equal(moods_frame(found), moods)
    tone = journal.analytics.sentiment(**PERIOD, bucket=bucket).to_dataframe()
    assert types(tone) == {"entries": "int64", "mean_sentiment": "Float64"}
    assert tone["entries"].sum() == found.sentiment.entries


def test_topics_have_a_row_each(journal: Reflekt) -> None:
    """Topics are rows by name, with how often they came up now and before."""
    journal.entries.create("Dinner with my family.")
    found = journal.analytics.topics()
    frame = found.to_dataframe()
    assert frame.index.name == "topic"
    assert types(frame) == {"count": "int64", "before": "int64", "change": "int64"}
    assert frame.loc["family"].tolist() == [1, 0, 1]
    pd.testing.assert_frame_equal(topics_frame(journal.analytics.trends()), frame)
    with Reflekt.open("memory://") as empty:
        assert types(empty.analytics.topics().to_dataframe()) == types(frame)


def test_hours_are_seven_rows_of_24(journal: Reflekt) -> None:
    """Weekdays are rows from Monday on, hours of the wall clock are columns."""
    at = datetime(2026, 11, 5, 7, 30, tzinfo=UTC)  # a Thursday
    journal.entries.create("x", occurred_at=at, time_zone="Asia/Tokyo")
    frame = hours_frame(journal.analytics.trends(**PERIOD))
    assert frame.shape == (7, 24)
    assert frame.index.tolist() == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    assert frame.loc["Thu", 16] == frame.to_numpy().sum() == 1
    assert frame.to_numpy().dtype == np.int64


@pytest.mark.parametrize("value", [5, None, "entries"], ids=repr)
def test_what_is_no_journal_is_refused(value: Any) -> None:
    """The error names what was given."""
    with pytest.raises(ConfigurationError, match=type(value).__name__):
        to_dataframe(value)


def test_what_is_no_entry_is_refused() -> None:
    """A list of something else is told apart, without showing what it holds."""
    with pytest.raises(ConfigurationError, match="str is not an entry"):
        to_dataframe(["private words"])


class TestThroughTheClient:
    """A service's journal becomes the same DataFrames."""

    @pytest.fixture
    def client(self, clock: FakeClock) -> Iterator[Client]:
        """A client of a service in this process."""
        with Reflekt.on(open_store("memory://"), clock=clock, assistant="local") as served:
            verifier = TokenVerifier(secret=SECRET)
            api = Dispatch(served, verifier, cursor_secret=b"cursors-of-tests-0123456789abcdef")
            issuer = TokenIssuer(secret=SECRET, ids=TimeOrderedIds())
            transport = httpx2.WSGITransport(app=application(api))

            def token() -> str:
                return issuer.issue("ada", role="user", now=clock())

            with Client("http://localhost", token, transport=transport) as made:
                yield made

    def test_entries(self, client: Client) -> None:
        """Rows, categories, filters and insights are as in the library."""
        swims = client.categories.create("Swims")
        client.entries.create("A wonderful day with my family.", mood=5, category_id=swims.id)
        client.entries.create("x", mood=1, occurred_at=datetime(2026, 11, 22, 19, tzinfo=UTC))
        frame = client.entries.to_dataframe(insights=True)
        assert types(frame) == COLUMNS | UNDERSTOOD
        assert frame["category"].iloc[0] == "Swims"
        assert frame["sentiment"].iloc[0] == "positive"
        assert client.entries.to_dataframe(mood_max=2)["mood"].tolist() == [1]
        pd.testing.assert_frame_equal(
            to_dataframe(client.each(client.entries.list), categories={swims.id: "Swims"}),
            frame[list(COLUMNS)].iloc[::-1],
            check_categorical=False,
        )

    def test_trends(self, client: Client) -> None:
        """What analytics return knows how to become a DataFrame, and how to show itself."""
        client.entries.create("A wonderful day with my family.", mood=5)
        assert client.analytics.mood().to_dataframe()["mean_mood"].iloc[-1] == 5
        assert client.analytics.trends().to_dataframe()["entries"].iloc[-1] == 1
        assert client.analytics.frequency().to_dataframe()["entries"].iloc[-1] == 1
        assert client.analytics.sentiment().to_dataframe()["mean_sentiment"].iloc[-1] > 0
        assert "family" in client.analytics.topics().to_dataframe().index
        assert "family" in str(client.analytics.topics()._repr_html_())

    def test_unknown_filters_are_refused(self, client: Client) -> None:
        """A name that `list` does not take is told."""
        with pytest.raises(TypeError, match="colour"):
            client.entries.to_dataframe(colour="red")  # type: ignore[call-arg]

    def test_an_async_client_is_told_what_to_do(self) -> None:
        """Its verbs have to be awaited; the error says how to get a DataFrame all the same."""

        async def ask() -> None:
            async with AsyncClient("http://127.0.0.1:1", "token") as client:
                client.entries.to_dataframe()  # type: ignore[arg-type]

        with pytest.raises(ConfigurationError, match="collect its entries"):
            asyncio.run(ask())


@pytest.mark.parametrize("missing", ["pandas", "numpy"])
@pytest.mark.parametrize(
    "asked",
    ["r.entries.to_dataframe()", "r.analytics.mood().to_dataframe()", "notebook.hours_frame"],
)
def test_without_pandas_one_line_says_how_to_get_it(missing: str, asked: str) -> None:
    """The error names the package, and the extra that brings it."""
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from reflekt_core import Reflekt, ReflektError, notebook\n"
        "r = Reflekt.open('memory://')\n"
        f"try: {asked}\n"
        "except ReflektError as error: print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == (
        f"ConfigurationError {missing} is not installed; "
        "get it with: pip install 'reflekt-journal[notebook]'\n"
    )
