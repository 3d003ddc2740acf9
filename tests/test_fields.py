"""What fields may hold, and how what is wrong is said."""

import importlib
import pkgutil
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reflekt_core.model
from reflekt_core.errors import InvalidInput, Problem
from reflekt_core.model import fields
from reflekt_core.model.fields import UNSET, Items, Range, Rule, Text, Unset, check, explain
from reflekt_core.model.settings import Money


class Colour(StrEnum):
    """Two colours."""

    RED = "red"
    BLUE = "blue"


@attrs.frozen
class Sample:
    """Something with a field of each kind."""

    name: Annotated[str, Text(5, min_length=1)] = "x"
    count: Annotated[int, Range(1, 3)] | None = None
    tags: Annotated[tuple[Annotated[str, Text(3)], ...], Items(2)] = ()
    colour: Colour | Unset = UNSET
    day: date | datetime | None = None
    exact_day: date | None = None
    at: datetime | None = None
    from_: int = 0
    flag: bool = False
    other: UUID | None = None

    def __attrs_post_init__(self) -> None:
        """Check the fields, as the values of the model do."""
        check(self)


def problems(**fields: object) -> list[tuple[str, str]]:
    """Return path and message of everything wrong with a sample of these fields."""
    try:
        Sample(**fields)  # type: ignore[arg-type]
    except InvalidInput as error:
        return [(problem.path, problem.message) for problem in error.problems]
    return []


class TestCheck:
    """Checking a value against the types of its fields."""

    def test_names_every_bad_field(self) -> None:
        """All that is wrong is said at once, in the order of the fields."""
        wrong = problems(name="", count=4, tags=("ok", "long!"), colour="green", flag=1, from_="0")
        assert wrong == [
            ("name", "must have 1 to 5 characters"),
            ("count", "must be from 1 to 3"),
            ("tags[1]", "must have at most 3 characters"),
            ("colour", "must be one of 'red', 'blue'"),
            ("from", "must be a whole number"),
            ("flag", "must be true or false"),
        ]

    def test_accepts_what_is_right(self) -> None:
        """A value of any of a field's types, at the limits, has no problem."""
        assert not problems(
            name="12345",
            count=3,
            tags=["abc", ""],
            colour=Colour.BLUE,
            day=date(2026, 11, 22),
            exact_day=date(2026, 11, 22),
            at=datetime(2026, 11, 22, tzinfo=UTC),
            from_=1,
            flag=True,
            other=UUID(int=1),
        )
        assert not problems(day=datetime(2026, 11, 22, tzinfo=UTC))

    def test_takes_a_name_for_what_it_names(self) -> None:
        """A string that names a member of an enum becomes that member."""
        assert Sample(colour="blue").colour is Colour.BLUE  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"count": True},
            {"count": 2.0},
            {"from_": True},
            {"exact_day": datetime(2026, 11, 22, tzinfo=UTC)},
            {"at": datetime(2026, 11, 22)},  # noqa: DTZ001 - that is what is wrong
            {"day": datetime(2026, 11, 22)},  # noqa: DTZ001 - that is what is wrong
            {"at": date(2026, 11, 22)},
            {"tags": "abc"},
            {"tags": ("a", "b", "c")},
            {"tags": (1,)},
            {"colour": None},
            {"name": UNSET},
            {"other": "00000000-0000-0000-0000-000000000001"},
        ],
    )
    def test_tells_kinds_apart(self, wrong: dict[str, object]) -> None:
        """Booleans are no numbers, times no dates, and a time has an offset."""
        assert len(problems(**wrong)) == 1

    def test_finds_every_default_of_the_model_right(self) -> None:
        """Defaults are taken as right without looking; so they have to be."""
        seen = 0
        for cls in checked_classes():
            for name, path, default, _, checker in fields._checkers(cls):
                if default is not attrs.NOTHING and not isinstance(default, attrs.Factory):  # type: ignore[arg-type]
                    assert list(checker(default, path)) == [], (cls, name)
                    seen += 1
        assert seen > 50


def checked_classes() -> list[type[attrs.AttrsInstance]]:
    """Return every class of the model that checks its fields."""
    modules = [
        importlib.import_module(f"reflekt_core.model.{module.name}")
        for module in pkgutil.iter_modules(reflekt_core.model.__path__)
    ]
    found = {thing for module in modules for thing in vars(module).values() if attrs.has(thing)}
    return [cls for cls in found if hasattr(cls, "__attrs_post_init__")]


class TestText:
    """Rules on strings."""

    @pytest.mark.parametrize(
        ("rule", "value", "message"),
        [
            (Text(5), 5, "must be a string"),
            (Text(5), None, "must be a string"),
            (Text(5), "123456", "must have at most 5 characters"),
            (Text(5, min_length=2), "1", "must have 2 to 5 characters"),
            (Text(5), "a\x00", "must not contain NUL characters"),
            (Text(5), "\udc80", "must not contain lone surrogates"),
            (Text(5, max_bytes=5), "\u00e9\u00e9\u00e9", "must have at most 5 bytes in UTF-8"),
            (Text(9, max_bytes=5), "123456", "must have at most 5 bytes in UTF-8"),
            (Text(5, pattern="[ab]+"), "abc", "must be of the form [ab]+"),
            (
                Text(5, pattern="[ab]+", what="a word of a and b"),
                "ab\n",
                "must be a word of a and b",
            ),
        ],
    )
    def test_say_what_is_wrong(self, rule: Text, value: object, message: str) -> None:
        """Length counts characters, bytes count UTF-8, a pattern holds for the whole."""
        assert rule.problem(value) == message

    @pytest.mark.parametrize(
        ("rule", "value"),
        [
            (Text(5), ""),
            (Text(1), "\U0001f44d"),
            (Text(5, max_bytes=6), "\u00e9\u00e9\u00e9"),
            (Text(5, max_bytes=5), "12345"),
            (Text(9), "\x1b\u202e\n\ufffe"),
        ],
    )
    def test_accept_the_rest(self, rule: Text, value: str) -> None:
        """Any character but NUL is text."""
        assert rule.problem(value) is None

    @given(st.text() | st.integers() | st.binary())
    def test_never_say_the_text(self, value: object) -> None:
        """A message is about the rule; it does not depend on what was written."""
        said = Text(3, min_length=1, pattern="[ab]*").problem(value)
        assert said in {
            None,
            "must be a string",
            "must have 1 to 3 characters",
            "must not contain NUL characters",
            "must be of the form [ab]*",
        }


class TestOtherRules:
    """Rules on numbers, lists and money, and what all rules have."""

    @given(st.integers() | st.floats() | st.booleans() | st.text() | st.none())
    def test_on_numbers_want_whole_ones(self, value: object) -> None:
        """A number in the range is right; a boolean, a fraction or a text is not."""
        right = type(value) is int and -2 <= value <= 3
        assert (Range(-2, 3).problem(value) is None) == right

    @pytest.mark.parametrize(
        ("amount", "right"),
        [
            ("0", True),
            ("0.000000", True),
            ("1000", True),
            ("0.25", True),
            ("0.0000001", False),
            ("1000.000001", False),
            ("-1", False),
            ("NaN", False),
            ("Infinity", False),
        ],
    )
    def test_on_money_count_decimals(self, amount: str, right: bool) -> None:  # noqa: FBT001 - a table
        """An amount is finite, not negative, and has at most six decimals."""
        assert (Money(1000).problem(Decimal(amount)) is None) == right
        assert Money(1000).problem(amount) is not None

    @pytest.mark.parametrize("rule", [Text(5, min_length=1, pattern="a+"), Range(1, 5), Items(3)])
    def test_say_the_same_as_a_schema(self, rule: Rule) -> None:
        """A rule is also JSON Schema."""
        assert isinstance(rule, Rule)
        assert rule.schema() in (
            {"minLength": 1, "maxLength": 5, "pattern": "^(?:a+)$"},
            {"minimum": 1, "maximum": 5},
            {"maxItems": 3},
        )


class TestPatches:
    """What a patch mentions."""

    def test_know_what_is_given(self) -> None:
        """None is given, `UNSET` is not, and names are Python's."""
        given_fields = fields.given(Sample(name="a", from_=2))
        assert "colour" not in given_fields
        assert (given_fields["name"], given_fields["from_"], given_fields["day"]) == ("a", 2, None)
        assert not UNSET

    def test_explain_what_types_ask_for(self) -> None:
        """Every type of a field has words of its own for what it must be."""
        for cls in (str, int, float, bool, date, datetime, UUID, Decimal):
            assert explain(cls) != f"must be a {cls.__name__}"
        assert explain(Colour) == "must be one of 'red', 'blue'"

    def test_list_their_problems_in_the_message(self) -> None:
        """An error reads well where only its message is seen."""
        error = InvalidInput([Problem("a", "must be b"), Problem("", "must be an object")])
        assert str(error) == "a: must be b; input: must be an object"
