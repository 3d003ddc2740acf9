"""Values to plain data and back, and what is said about data that are no such value."""

import json
import types
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reflekt_core import serialization
from reflekt_core.errors import InvalidInput, StoreError
from reflekt_core.model.accounts import Account
from reflekt_core.model.analytics import Contribution, DayAggregate, Run
from reflekt_core.model.categories import Category, CategoryDraft
from reflekt_core.model.entries import Entry, EntryDraft, EntryFilter, Order, Tombstone, Zone
from reflekt_core.model.entry_patch import EntryPatch
from reflekt_core.model.events import Delivery, Event
from reflekt_core.model.feelings import Sentiment, SentimentLabel
from reflekt_core.model.fields import UNSET, Items, Range, Rule, Text, Unset
from reflekt_core.model.insights import Failure, Insight, Period
from reflekt_core.model.jobs import Job
from reflekt_core.model.listing import Anniversary, EntryListing, EntrySearch, Hit, TagName
from reflekt_core.model.prompts import DailyPrompt, Prompt, PromptRequest
from reflekt_core.model.settings import Money, Settings
from reflekt_core.model.settings_patch import SettingsPatch, merged
from reflekt_core.model.usage import DayUsage, Receipt
from reflekt_core.serialization import dump, load, read, read_strings, schema_version, wire

E = TypeVar("E", bound=Exception)

STORED: list[type] = [
    Account,
    Category,
    Contribution,
    DailyPrompt,
    DayAggregate,
    DayUsage,
    Delivery,
    Entry,
    Event,
    Failure,
    Insight,
    Job,
    Receipt,
    Run,
    Settings,
    Tombstone,
]
"""Every class that a store keeps."""

ASKED: list[type] = [
    CategoryDraft,
    EntryDraft,
    EntryPatch,
    Period,
    PromptRequest,
    SettingsPatch,
    TagName,
]
"""Classes that the body of a request is read as."""

QUERIES: list[type] = [Anniversary, EntryFilter, EntryListing, EntrySearch]
"""Classes that a query string is read as."""

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(
        ["2026-11-22", "2026-11-22T21:40:00Z", "UTC", "0.25", str(UUID(int=1)), "\ud800"]
    ),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
OFFSETS = [UTC, timezone(timedelta(hours=3)), timezone(timedelta(hours=-9, minutes=-30))]


def members(cls: type, **known: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return fields to make a value of *cls* with, those with defaults now and then left out."""
    hints = get_type_hints(cls, include_extras=True)
    made = {a.name: known.get(a.name, values(hints[a.name])) for a in attrs.fields(cls)}
    left_out = {a.name for a in attrs.fields(cls) if a.default is not attrs.NOTHING}
    return st.fixed_dictionaries(
        {name: made[name] for name in made if name not in left_out},
        optional={name: made[name] for name in left_out},
    )


def objects(cls: type) -> st.SearchStrategy[Any]:
    """Return values of the class *cls*."""
    if cls is Period:
        return st.tuples(values(date), values(date)).map(sorted).map(lambda days: Period(*days))
    if cls is Run:
        return st.tuples(values(date), values(date)).map(sorted).map(lambda days: Run(*days))
    return members(cls).map(lambda fields: cls(**fields))


def values(tp: Any) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one for each kind of type
    """Return values of the type *tp* that keep its rules."""
    origin, args = get_origin(tp), get_args(tp)
    if origin is Annotated:
        return ruled(args[0], [rule for rule in args[1:] if isinstance(rule, Rule)])
    if origin in (Union, types.UnionType):
        return st.one_of([values(arg) for arg in args])
    if origin is tuple:
        return st.lists(values(args[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(values(args[0]), values(args[1]), max_size=3)
    if attrs.has(tp):
        return objects(tp)
    if isinstance(tp, type) and issubclass(tp, Enum):
        return st.just(UNSET) if tp is Unset else st.sampled_from(list(tp))
    return SIMPLE[tp]


SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=20),
    int: st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    UUID: st.uuids(),
    Decimal: st.decimals(0, 1000, places=6),
    date: st.dates(date(1000, 1, 1), date(9000, 1, 1)),
    datetime: st.datetimes(
        datetime(1000, 1, 2),  # noqa: DTZ001 - made aware by timezones
        datetime(9000, 1, 1),  # noqa: DTZ001 - made aware by timezones
        timezones=st.sampled_from(OFFSETS),
    ),
    type(None): st.none(),
    Any: st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
        max_leaves=3,
    ),
}


def ruled(tp: Any, rules: list[Rule]) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - the same
    """Return values of *tp* that keep *rules*."""
    for rule in rules:
        match rule:
            case Text(pattern=str(pattern)):
                return matching(pattern, rule)
            case Text(max_length=most, min_length=least):
                text = st.characters(exclude_characters="\x00", exclude_categories=["Cs"])
                return st.text(text, min_size=least, max_size=min(most, 30))
            case Range(low, high):
                return st.integers(low, high)
            case Money(high):
                return st.decimals(0, high, places=6)
            case Items(most):
                return values(tp).filter(lambda v: len(v) <= most)
            case Zone():
                return st.sampled_from(["UTC", "Africa/Nairobi", "America/Argentina/Ushuaia"])
    return values(tp)


def matching(pattern: str, rule: Rule) -> st.SearchStrategy[str]:
    """Return texts of the form *pattern* that keep *rule*."""
    return st.from_regex(pattern, fullmatch=True).filter(lambda text: not rule.problem(text))


def refusal(call: Callable[[], object], error: type[E]) -> E | None:
    """Return the *error* that *call* raises, if it does; any other is a failure."""
    try:
        call()
    except error as raised:
        return raised
    return None


class TestStored:
    """What stores keep."""

    @pytest.mark.parametrize("cls", STORED, ids=lambda cls: cls.__name__)
    @settings(max_examples=40)
    @given(data=st.data())
    def test_comes_back_as_it_was(self, cls: type, data: st.DataObject) -> None:
        """Every value of every stored class, with every field, is what it was."""
        value = data.draw(objects(cls))
        assert load(dump(value), cls) == value

    @pytest.mark.parametrize("cls", STORED, ids=lambda cls: cls.__name__)
    @settings(max_examples=20)
    @given(data=st.data())
    def test_is_strict_json(self, cls: type, data: st.DataObject) -> None:
        """It is JSON in UTF-8 without NaN, and says its schema version."""
        stored = dump(data.draw(objects(cls)))
        plain = json.loads(stored, parse_constant=pytest.fail)
        assert plain["$schema"] == schema_version(cls)

    @given(objects(Entry))
    def test_keeps_the_offset(self, entry: Entry) -> None:
        """A time comes back with its offset, so that doubled hours stay apart."""
        back = load(dump(entry), Entry)
        assert back.occurred_at.utcoffset() == entry.occurred_at.utcoffset()

    @pytest.mark.parametrize("cls", STORED, ids=lambda cls: cls.__name__)
    @settings(max_examples=40)
    @given(damaged=JSON.map(lambda plain: json.dumps(plain).encode()) | st.binary())
    def test_that_is_damaged_is_refused(self, cls: type, damaged: bytes) -> None:
        """Whatever lies in a store gives a value or a `StoreError`, which tells nothing of it."""
        refused = refusal(lambda: load(damaged, cls), StoreError)
        if refused:
            assert str(refused) == f"a stored {cls.__name__} is damaged"
            assert refused.__suppress_context__

    @given(objects(Entry), st.data())
    def test_in_part_is_damaged(self, entry: Entry, data: st.DataObject) -> None:
        """A value cut short, or without a field, is damaged, and its text is not told."""
        whole = dump(attrs.evolve(entry, content="my secret"))
        cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
        plain = json.loads(whole)
        del plain[data.draw(st.sampled_from(["id", "content", "version", "occurred_at"]))]
        for damaged in (cut, json.dumps(plain).encode()):
            with pytest.raises(StoreError) as caught:
                load(damaged, Entry)
            assert "secret" not in str(caught.value)

    def test_with_a_number_beyond_all_bounds_is_damaged(self) -> None:
        """A number that no integer can hold is damage."""
        stored = dump(Category(UUID(int=1), "Travel", None, None, 1))
        with pytest.raises(StoreError, match="is damaged"):
            load(stored.replace(b'"version":1', b'"version":1e999'), Category)

    def test_nested_too_deeply_is_damaged(self) -> None:
        """Endless brackets are damage, too."""
        with pytest.raises(StoreError, match="is damaged"):
            load(b"[" * 100_000, Entry)

    def test_by_a_newer_program_is_left_alone(self) -> None:
        """A value with a schema version from the future is not guessed at."""
        stored = dump(Category(UUID(int=1), "Travel", None, None, 1))
        newer = stored.replace(b'"$schema":1', b'"$schema":2')
        with pytest.raises(StoreError, match=r"version 2.*up to 1.*newer Reflekt"):
            load(newer, Category)

    def test_by_an_older_program_is_lifted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each step from an old schema version to the present one is taken, in order."""
        stored = dump(Category(UUID(int=1), "Travel", None, None, 1))
        steps = {
            (Category, 1): lambda plain: {**plain, "name": plain["name"] + "!"},
            (Category, 2): lambda plain: {**plain, "name": plain["name"] + "?"},
        }
        monkeypatch.setitem(serialization.SCHEMA_VERSIONS, Category, 3)
        monkeypatch.setattr(serialization, "UPCASTERS", steps)
        assert load(stored, Category).name == "Travel!?"


class TestWire:
    """What goes over HTTP."""

    @pytest.mark.parametrize(
        "cls", [Category, DayUsage, Entry, Job, Prompt, Settings], ids=lambda cls: cls.__name__
    )
    @settings(max_examples=30)
    @given(data=st.data())
    def test_is_read_as_what_it_was(self, cls: type, data: st.DataObject) -> None:
        """A value that is shown and read again is the same, but for its private fields."""
        value = data.draw(objects(cls))
        shown = json.loads(json.dumps(wire(value)))
        private = {a.name for a in attrs.fields(cls) if a.metadata.get("private")}
        back: Any = read(shown, cls)
        assert not private & shown.keys()
        for a in attrs.fields(cls):
            assert a.name in private or getattr(back, a.name) == getattr(value, a.name)

    @pytest.mark.parametrize("cls", ASKED, ids=lambda cls: cls.__name__)
    @settings(max_examples=30)
    @given(data=st.data())
    def test_carries_what_is_asked(self, cls: type, data: st.DataObject) -> None:
        """Every request that can be made can be written as JSON and read."""
        value = data.draw(objects(cls))
        sent = without_unset(wire(value), value)
        assert read(json.loads(json.dumps(sent)), cls) == value

    def test_shows_times_and_amounts_as_documented(self) -> None:
        """UTC is Z, other offsets are numbers, amounts are strings of digits."""
        day = DayUsage(date(2026, 11, 22), cost_usd=Decimal("1E-6"))
        nairobi = datetime(2026, 11, 22, 21, 40, tzinfo=OFFSETS[1])
        shown = wire(Tombstone(UUID(int=1), 1, nairobi))
        assert wire(day)["cost_usd"] == "0.000001"
        assert wire(day)["date"] == "2026-11-22"
        assert shown["deleted_at"] == "2026-11-22T21:40:00+03:00"
        assert wire(nairobi.astimezone(UTC)) == "2026-11-22T18:40:00Z"

    @given(objects(Hit))
    def test_leaves_private_fields_out_wherever_they_are(self, hit: Hit) -> None:
        """A private field is not shown inside of another value either."""
        assert not {"extra", "fingerprint"} & wire(hit)["entry"].keys()


def without_unset(plain: dict[str, Any], value: Any) -> dict[str, Any]:
    """Return *plain* without the fields that *value* leaves alone."""
    return {
        name: without_unset(shown, getattr(value, name)) if isinstance(shown, dict) else shown
        for name, shown in plain.items()
        if getattr(value, name, None) is not UNSET
    }


def problems(data: Any, cls: type, where: str = "") -> dict[str, str]:
    """Return what is wrong with *data*, by path."""
    with pytest.raises(InvalidInput) as caught:
        read(data, cls, where=where)
    found = {problem.path: problem.message for problem in caught.value.problems}
    assert len(found) == len(caught.value.problems)
    return found


class TestReading:
    """What is said about data that are no such value."""

    def test_names_every_bad_field_at_once(self) -> None:
        """Wrong types, broken rules and unknown fields are all named, in lists by index."""
        wrong = problems(
            {
                "content": "",
                "title": 5,
                "mood": "4",
                "tags": ["ok", 7, " x"],
                "starred": "yes",
                "occurred_at": "yesterday",
                "time_zone": "Mars",
                "category_id": "1",
                "colour": "red",
            },
            EntryDraft,
        )
        assert set(wrong) == {
            "content",
            "title",
            "mood",
            "tags[1]",
            "tags[2]",
            "starred",
            "occurred_at",
            "time_zone",
            "category_id",
            "colour",
        }
        assert wrong["title"] == "must be a string"
        assert wrong["content"] == "must have 1 to 100000 characters"
        assert wrong["colour"].startswith("is not known here; known: category_id, content, mood")

    def test_names_the_path_to_a_nested_field(self) -> None:
        """The path leads through objects and lists, from where the data stand."""
        wrong = problems(
            {
                "ai": {"consent": ["openai", "nobody"], "x": 1},
                "profile": [],
                "preferences": {"tone": 3},
            },
            SettingsPatch,
            where="settings",
        )
        assert wrong.keys() == {
            "settings.ai.consent[1]",
            "settings.ai.x",
            "settings.profile",
            "settings.preferences.tone",
        }
        assert wrong["settings.profile"] == "must be an object"
        assert wrong["settings.ai.consent[1]"] == "must be one of 'openai', 'anthropic'"

    def test_names_fields_as_json_does(self) -> None:
        """A field that Python cannot call `from` is `from` in every message."""
        assert problems({"to": "2026-01-01"}, Period) == {"from": "is required"}
        assert problems({"from": "2026-01-02", "to": "2026-01-01"}, Period) == {
            "to": "must not lie before 'from'"
        }
        assert (
            "from, to"
            in problems({"from": "2026-01-01", "to": "2026-01-01", "from_": 1}, Period)["from"]
        )

    @pytest.mark.parametrize("data", [None, 5, "x", [], [{}], True])
    def test_wants_an_object(self, data: object) -> None:
        """What is no object is no value of a class."""
        assert problems(data, EntryDraft) == {"": "must be an object"}

    @pytest.mark.parametrize("cls", [*ASKED, *STORED], ids=lambda cls: cls.__name__)
    @settings(max_examples=40)
    @given(data=st.data())
    def test_refuses_politely_whatever_comes(self, cls: type, data: st.DataObject) -> None:
        """Any JSON is read as a value, or is `InvalidInput` with at least one problem."""
        names = [a.name.rstrip("_") for a in attrs.fields(cls)]
        shaped = st.dictionaries(st.sampled_from(names) | st.text(max_size=3), JSON)
        plain = data.draw(JSON | shaped)
        refused = refusal(lambda: read(plain, cls), InvalidInput)
        assert refused is None or (refused.problems and refused.__suppress_context__)

    @given(st.text(min_size=6))
    def test_never_repeats_what_was_written(self, secret: str) -> None:
        """A message says what is allowed, not what was found."""
        fields = ("mood", "starred", "occurred_at", "time_zone", "category_id", "tags")
        with pytest.raises(InvalidInput) as caught:
            read({"content": 5, **dict.fromkeys(fields, f"<{secret}>")}, EntryDraft)
        assert f"<{secret}>" not in str(caught.value)

    @pytest.mark.parametrize(
        "text",
        [
            "2026-11-22",
            "2026-11-22T21:40:00",
            "2026-11-22 21:40:00Z",
            "2026-11-22T21:40:00+0300",
            "2026-11-22T21:40:00,5Z",
            "2026-W47-7T21:40:00Z",
            "20261122T214000Z",
            "2026-02-30T00:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T21:40:00+24:00",
            "0001-01-01T00:00:00+14:00",
            "\uff12026-11-22T21:40:00Z",
            "",
        ],
    )
    def test_refuses_times_that_are_not_rfc_3339(self, text: str) -> None:
        """A time has a date, a time and an offset, spelled in one way."""
        assert "occurred_at" in problems({"content": "x", "occurred_at": text}, EntryDraft)

    @pytest.mark.parametrize(
        "text",
        [
            "2026-11-22T21:40:00+03:00",
            "2026-11-22T18:40:00Z",
            "2026-11-22t18:40:00z",
            "2026-11-22T18:40Z",
            "2026-11-22T18:40:00.000000000Z",
        ],
    )
    def test_reads_times_in_any_offset(self, text: str) -> None:
        """Seconds may be left out, and letters may be small."""
        draft = read({"content": "x", "occurred_at": text}, EntryDraft)
        assert draft.occurred_at == datetime(2026, 11, 22, 18, 40, tzinfo=UTC)

    @pytest.mark.parametrize("text", ["20261122", "2026-W47-7", "2026-02-30", "2026-1-1", ""])
    def test_spells_dates_in_one_way(self, text: str) -> None:
        """A date has a year, a month and a day, with hyphens."""
        assert set(problems({"from": text, "to": "2026-11-22"}, Period)) == {"from"}

    def test_reads_whole_numbers_as_fractions_unless_too_big(self) -> None:
        """1 is a fraction, too; a number that no fraction can hold is none."""
        plain = {"label": "positive", "score": 1, "confidence": 0.5}
        assert read(plain, Sentiment) == Sentiment(SentimentLabel.POSITIVE, 1.0, 0.5)
        assert set(problems({**plain, "score": 10**400}, Sentiment)) == {"score"}

    @pytest.mark.parametrize("id", ["{%s}", "urn:uuid:%s", " %s"])
    def test_spells_ids_in_one_way(self, id: str) -> None:
        """An id in braces or as a URN is no id; capitals are."""
        spelled = str(UUID(int=10))
        assert "category_id" in problems({"content": "x", "category_id": id % spelled}, EntryDraft)
        assert "category_id" in problems(
            {"content": "x", "category_id": spelled.replace("-", "")}, EntryDraft
        )
        draft = read({"content": "x", "category_id": spelled.upper()}, EntryDraft)
        assert draft.category_id == UUID(int=10)

    @pytest.mark.parametrize(
        "amount", ["1e2", "-0", "NaN", "1_0", " 1", ".5", "\u0661", 1, 0.5, []]
    )
    def test_reads_amounts_as_plain_digits(self, amount: object) -> None:
        """An amount of money is a string of digits, never a number."""
        wrong = problems({"ai": {"daily_budget_usd": amount}}, SettingsPatch)
        assert set(wrong) == {"ai.daily_budget_usd"}

    def test_tells_null_from_nothing(self) -> None:
        """In a patch, null empties a field that may be empty, and is refused elsewhere."""
        assert read({}, EntryPatch) == EntryPatch()
        assert read({"mood": None}, EntryPatch) == EntryPatch(mood=None)
        assert set(problems({"title": None, "content": None}, EntryPatch)) == {"title", "content"}

    def test_knows_a_date_from_a_time(self) -> None:
        """Where either is allowed, the shape decides."""
        assert read({"from": "2026-11-22"}, EntryFilter).from_ == date(2026, 11, 22)
        assert read({"from": "2026-11-22T18:40:00Z"}, EntryFilter).from_ == datetime(
            2026, 11, 22, 18, 40, tzinfo=UTC
        )
        assert problems({"from": "2026-11-2"}, EntryFilter)["from"].startswith("must be a date")


class TestQueryStrings:
    """Parameters, which are all text."""

    def test_are_read_by_their_types(self) -> None:
        """Numbers, booleans, dates, ids and repeated parameters are read from text."""
        category = UUID(int=3)
        found = read_strings(
            {
                "from": "2026-01-01",
                "to": "2026-11-22T18:40:00Z",
                "category_id": str(category),
                "tag": ["sea", "sun"],
                "mood_min": "2",
                "starred": "true",
                "trashed": "false",
                "order": "asc",
            },
            EntryListing,
        )
        assert found == EntryListing(
            from_=date(2026, 1, 1),
            to=datetime(2026, 11, 22, 18, 40, tzinfo=UTC),
            category_id=category,
            tag=("sea", "sun"),
            mood_min=2,
            starred=True,
            order=Order.ASC,
        )

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("mood_min", "two"),
            ("mood_min", "--2"),
            ("mood_min", "2.0"),
            ("mood_min", ""),
            ("mood_min", "\u0662"),
            ("mood_min", "9" * 5000),
            ("starred", "True"),
            ("starred", "1"),
            ("from", "today"),
            ("order", "up"),
            ("tag", "not a list"),
            ("category_id", "x"),
            ("page", "2"),
            ("from_", "2026-01-01"),
        ],
    )
    def test_name_what_is_wrong(self, name: str, text: str) -> None:
        """A parameter that cannot be read, and one that nobody knows, is named."""
        with pytest.raises(InvalidInput) as caught:
            read_strings({name: text}, EntryListing)
        assert [problem.path for problem in caught.value.problems] == [name.rstrip("_")]

    @pytest.mark.parametrize("cls", QUERIES, ids=lambda cls: cls.__name__)
    @given(data=st.data())
    def test_refuse_politely_whatever_comes(self, cls: type, data: st.DataObject) -> None:
        """Any text is read, or is `InvalidInput`."""
        names = st.sampled_from([a.name.rstrip("_") for a in attrs.fields(cls)]) | st.text(
            max_size=3
        )
        texts = st.text(max_size=8) | st.sampled_from(["1", "true", "2026-01-01"])
        given_strings = data.draw(st.dictionaries(names, texts | st.lists(texts, max_size=3)))
        refused = refusal(lambda: read_strings(given_strings, cls), InvalidInput)
        assert refused is None or refused.problems


class TestMergedSettings:
    """What becomes of settings that are changed."""

    @given(objects(Settings), objects(SettingsPatch))
    def test_have_what_the_patch_says_and_keep_the_rest(
        self, stored: Settings, patch: SettingsPatch
    ) -> None:
        """Each field is the patch's if it mentions it; a version is counted if anything differs."""
        after = merged(stored, patch)
        for group in ("profile", "preferences", "notifications", "display", "ai"):
            changes, before = getattr(patch, group), getattr(stored, group)
            for a in attrs.fields(type(before)):
                wanted = getattr(changes, a.name) if changes else UNSET
                expected = getattr(before, a.name) if wanted is UNSET else wanted
                assert getattr(getattr(after, group), a.name) == expected
        differs = attrs.evolve(after, version=stored.version) != stored
        assert after.version == stored.version + differs
        assert differs or after is stored
        assert merged(after, patch) is after
