"""The screen for texts that speak of a crisis, and where help is."""

import re
import time
from importlib.resources import files
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflekt_core import Reflekt
from reflekt_core.errors import InvalidInput
from reflekt_core.model import crisis_language
from reflekt_core.model.insights import Safety, SafetyLevel
from reflekt_core.model.safety import (
    DIRECTORY,
    CrisisResources,
    crisis_resources,
    screen,
    speaks_of_crisis,
)
from reflekt_core.model.settings import Preferences, Profile, Settings, region_of
from reflekt_core.model.settings_patch import PreferencesPatch, ProfilePatch

CRISIS = """
I want to die.
I just want to die
i dont want to live anymore
I don’t want to be here anymore.
I keep thinking about killing myself.
I can't stop thinking about killing myself with pills.
Sometimes I think everyone would be better off without me.
I cut myself again last night.
I hurt myself on purpose.
There is no reason to live.
I wish I was dead.
I wish I were dead
I am feeling really suicidal tonight.
I've had suicidal thoughts since March.
I wrote my goodbye letter and hid it in the drawer.
I want to end it all
I planned how to end my life.
Nobody would miss me.
I wish I had never been born
She says she wants to kill herself and I don't know what to do.
I self-harmed again
I started cutting myself again.
Life is not worth living.
Why not kill myself, then?
I don't want to die of shame, I want to kill myself.
When I was fifteen I wanted to kill myself.
My life makes me want to die.
I can't stop thinking about killing myself while driving.
I want to hurt myself while nobody is at home.
I never want to wake up again.
Work was fine, dinner was fine, and I want to die.
Quiero morir.
Je veux mourir.
Ich will nicht mehr leben.
Non voglio più vivere
Não quero mais viver.
Хочу умереть
死にたい
我不想活了
죽고 싶다
"""

NO_CRISIS = """
I was dying of laughter.
She is killing it at work.
This traffic makes me want to die.
The meeting on Friday made me want to die, honestly.
I cut myself shaving.
I hurt myself playing football.
I don't want to die.
I'm not suicidal.
I would never kill myself.
My brother died last year. He committed suicide and I still miss him.
We lost him to suicide.
The cake was to die for.
I'm dying to see the sea again.
I nearly killed myself on the stairs.
I'm killing myself to finish this thesis.
I killed myself laughing.
I'm killing myself at the gym every morning.
I'm killing myself with work.
I cut myself a slice of cake.
I need to cut myself some slack.
I don't want to live in London anymore.
We watched Suicide Squad.
That would be career suicide.
I'd rather die than eat that again.
Dead tired. My phone died.
Today we had suicide prevention training.
Our old dog died today and I cried.
I don't want to wake up early tomorrow.
I could die happy now.
Deadlines are killing me.
I want to disappear into a good book.
I don't want to hurt myself again.
I cut myself off from sugar.
Ich lache mich tot.
Je meurs de faim.
Me quiero morir de risa.
No quiero morir.
我想死你了
"""


@attrs.frozen
class Row:
    """One labelled text: of which part, what it is, of which kind."""

    part: str
    label: str
    kind: str
    text: str


def _rows() -> list[Row]:
    file = Path(__file__).with_name("crisis_language.tsv")
    lines = file.read_text("utf-8").split("\n")
    return [Row(*line.split("\t")) for line in lines if line and not line.startswith("#")]


ROWS = _rows()


@pytest.mark.parametrize("text", CRISIS.strip().split("\n"))
def test_a_crisis_is_seen(text: str) -> None:
    """A direct word about suicide or self-harm leads to where help is."""
    assert screen(text) == Safety(SafetyLevel.CONCERN, crisis_resources().for_region(""))


@pytest.mark.parametrize("text", NO_CRISIS.strip().split("\n"))
def test_no_crisis_is_made_up(text: str) -> None:
    """Figures of speech, accidents, denials and mourning show no crisis resources."""
    assert screen(text) == Safety(SafetyLevel.NONE, ())


@pytest.mark.parametrize("text", ["I want to die.", "ich will sterben", "I cut myself again"])
def test_a_crisis_is_seen_among_other_words(text: str) -> None:
    """One sentence in a long entry is enough, whatever stands around it and in what case."""
    around = "We had soup and talked about the weather. "
    assert screen(f"{around * 50}\n\n{text.upper()}\n{around * 50}").level is SafetyLevel.CONCERN


@pytest.mark.parametrize(
    ("part", "recall", "precision"),
    # As measured and told in docs/explanation/safety.md, less one text each.
    [
        ("tune", 93 / 97, 93 / 94),
        ("held", 86 / 99, 86 / 89),
        ("second", 36 / 54, 36 / 39),
        ("entries", 26 / 35, 26 / 27),
    ],
)
def test_the_screen_is_as_good_as_the_docs_say(part: str, recall: float, precision: float) -> None:
    """On labelled texts it finds as many crises, and makes up as few, as were measured."""
    rows = [row for row in ROWS if row.part == part]
    seen = [row for row in rows if speaks_of_crisis(row.text)]
    found = sum(row.label == "crisis" for row in seen)
    assert found / sum(row.label == "crisis" for row in rows) >= recall
    assert found / len(seen) >= precision


def test_the_labelled_texts_are_many_and_of_many_kinds() -> None:
    """What the screen is measured on holds no text twice, and a third of it is no plain case."""
    assert len({row.text for row in ROWS}) == len(ROWS) >= 500
    kinds = {row.kind for row in ROWS}
    assert kinds >= {"indirect", "misspelt", "slang", "third", "figurative", "recovery", "negated"}


def test_no_sentence_is_passed_over_unread() -> None:
    """Whatever a pattern finds also holds a word that makes the screen look at the sentence."""
    unread = [r.text for r in ROWS if _is_found(r.text) and not speaks_of_crisis(r.text)]
    assert unread == []


def _is_found(text: str) -> bool:
    plain = " ".join(text.lower().replace("’", "'").split())
    sentences = re.split(crisis_language._BETWEEN, plain)
    elsewhere = crisis_language._pattern("elsewhere")
    return any(crisis_language._in_english(s) or elsewhere.search(s) for s in sentences)


@pytest.mark.parametrize(
    "text",
    [
        "I have no friends and want to die",
        "I'm not happy I want to die",
        "I used to be happy, now I want to die",
        "I can't stop thinking about suicide",
        "Two days since I cut, and I want to die",
    ],
)
def test_a_denial_of_something_else_takes_nothing_back(text: str) -> None:
    """Only a denial of the wish itself counts."""
    assert speaks_of_crisis(text)


@pytest.mark.parametrize(
    ("plain", "slip"),
    [
        ("I want to die", "i w a n t to dieeee"),
        ("I want to kill myself", "i wanna kill myslef"),
        ("thinking about suicide", "thinkin bout sucide"),
        ("I don't want to live anymore", "i dont wanna live anymor"),
    ],
)
def test_slips_of_the_pen_change_nothing(plain: str, slip: str) -> None:
    """Stretched, spaced and misspelt words are read like the plain ones."""
    assert speaks_of_crisis(plain)
    assert speaks_of_crisis(slip)


def test_a_region_is_shown_its_own_helplines_first() -> None:
    """After the emergency call come the region's lines, then the directory for everybody."""
    shown = screen("I want to die.", region="GB").resources
    assert "emergency number" in shown[0]
    assert "Samaritans: call 116 123" in shown[1]
    assert shown[2 : 2 + len(DIRECTORY)] == DIRECTORY
    assert len(shown) == 3 + len(DIRECTORY)


@pytest.mark.parametrize("region", ["", "XX", "gb", "Great Britain"])
def test_an_unknown_region_is_shown_the_directory(region: str) -> None:
    """No number is made up: only the international directories and the emergency number in words."""
    shown = screen("I want to die.", region=region).resources
    assert not any(char.isdigit() for text in shown for char in text)
    assert any("https://findahelpline.com" in text for text in shown)


def test_every_helpline_names_where_it_was_read() -> None:
    """Each line of the table has a region, what is shown, a page and the page's date."""
    text = files("reflekt_core.model").joinpath("helplines.txt").read_text("utf-8")
    rows = [line.split(" | ") for line in text.split("\n") if line and not line.startswith("#")]
    assert len(rows) >= 30
    for region, shown, page, date in rows:
        assert re.fullmatch("[A-Z]{2}", region)
        assert re.search(r"[0-9]{3}", shown)
        assert page.startswith(("https://", "http://"))
        assert re.fullmatch(r"20[0-9]{2}(-[01][0-9])?|undated", date)
    assert {row[0] for row in rows} == set(crisis_resources().regions)


def test_whoever_runs_reflekt_can_show_other_helplines() -> None:
    """Regions can be added and replaced, and so can what everybody else is shown."""
    ours = crisis_resources().extended({"GB": ["Our own line: 1234"], "KE": ("Befrienders Kenya",)})
    assert ours.for_region("GB")[1] == "Our own line: 1234"
    assert ours.for_region("KE")[1] == "Befrienders Kenya"
    assert ours.for_region("US") == crisis_resources().for_region("US")
    campus = CrisisResources({}, default=("The campus counsellor, room 12",))
    assert screen("I want to die.", resources=campus, region="GB").resources[1] == campus.default[0]


@pytest.mark.parametrize("regions", [{"gb": ["x y"]}, {"GBR": ["x y"]}, {"GB": []}, {"GB": "1234"}])
def test_helplines_that_cannot_be_shown_are_refused(regions: dict[str, list[str]]) -> None:
    """A region has two capital letters, and lines of text."""
    with pytest.raises(InvalidInput):
        CrisisResources(regions)


def test_a_directory_for_everybody_is_never_missing() -> None:
    """An empty default is refused: an unknown region must have something."""
    with pytest.raises(InvalidInput):
        CrisisResources({}, default=())


@pytest.mark.parametrize(
    ("region", "language", "expected"),
    [
        ("", "en", ""),
        ("", "en-GB", "GB"),
        ("", "zh-Hant-TW", "TW"),
        ("", "pt-br", "BR"),
        ("", "es-419", ""),
        ("", "en-x-us", ""),
        ("IE", "en-GB", "IE"),
    ],
)
def test_the_region_is_the_users_or_else_their_languages(
    region: str, language: str, expected: str
) -> None:
    """What the profile says wins; else the language tag may name a region (BCP 47)."""
    settings = Settings(profile=Profile(region=region), preferences=Preferences(language=language))
    assert region_of(settings) == expected


def test_an_insight_points_to_help_where_the_user_lives() -> None:
    """The region of the settings decides as the insight is read: nothing of it is stored."""
    with Reflekt.open("memory://") as reflekt:
        entry = reflekt.entries.create("I want to die.")
        reflekt.settings.update(preferences=PreferencesPatch(language="en-AU"))
        assert "13 11 14" in reflekt.entries.insights(entry.id).safety.resources[1]
        reflekt.settings.update(profile=ProfilePatch(region="NZ"))
        assert "1737" in reflekt.entries.insights(entry.id).safety.resources[1]


def test_a_region_is_two_capital_letters() -> None:
    """Anything else is refused; nothing takes it back."""
    with pytest.raises(InvalidInput):
        ProfilePatch(region="uk")
    assert ProfilePatch(region="").region == ""


@given(st.text(max_size=500))
def test_any_text_can_be_screened(text: str) -> None:
    """Whatever the characters, the answer is one of the two, and resources go with a concern."""
    found = screen(text)
    assert bool(found.resources) == (found.level is SafetyLevel.CONCERN)


PIECES = """
i want to |a|not |kill my self |i |traffic |wish i |my |die of |want to just |cut my |wanted to die
if i was gone |nobody would |a b c |aaa|'s |self harm i |thought of the pills |suicide i |to the
embarrassing |my own |she has been |would be better off |i have been thinking about |no reason to
death |, |better off if i |feel like |tried to kill |jump off the |on the bridge |not not
"""


@pytest.mark.parametrize("piece", PIECES.strip().replace("\n", " |").split("|"))
def test_the_time_grows_with_the_length_alone(piece: str) -> None:
    """A hundred thousand characters made to confuse the screen take it a moment, not minutes."""
    text = f"{(piece * (100_000 // len(piece)))[:100_000]} die kill suicide live self"
    start = time.process_time()
    screen(text)
    assert time.process_time() - start < 30  # on any machine; what backtracks takes hours
