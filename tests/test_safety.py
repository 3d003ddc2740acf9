"""The screen for texts that speak of a crisis."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflekt_core.model.insights import Safety, SafetyLevel
from reflekt_core.model.safety import RESOURCES, screen

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


@pytest.mark.parametrize("text", CRISIS.strip().split("\n"))
def test_a_crisis_is_seen(text: str) -> None:
    """A direct word about suicide or self-harm leads to where help is."""
    assert screen(text) == Safety(SafetyLevel.CONCERN, RESOURCES)


@pytest.mark.parametrize("text", NO_CRISIS.strip().split("\n"))
def test_no_crisis_is_made_up(text: str) -> None:
    """Figures of speech, accidents, denials and mourning show no crisis resources."""
    assert screen(text) == Safety(SafetyLevel.NONE, ())


@pytest.mark.parametrize("text", ["I want to die.", "ich will sterben", "I cut myself again"])
def test_a_crisis_is_seen_among_other_words(text: str) -> None:
    """One sentence in a long entry is enough, whatever stands around it and in what case."""
    around = "We had soup and talked about the weather. "
    assert screen(f"{around * 50}\n\n{text.upper()}\n{around * 50}").level is SafetyLevel.CONCERN


def test_the_resources_are_there_everywhere() -> None:
    """No number is made up: only the international directory and the emergency number in words."""
    assert not any(char.isdigit() for text in RESOURCES for char in text)
    assert any("https://findahelpline.com" in text for text in RESOURCES)


@given(st.text(max_size=500))
def test_any_text_can_be_screened(text: str) -> None:
    """Whatever the characters, the answer is one of the two, and resources go with a concern."""
    found = screen(text)
    assert bool(found.resources) == (found.level is SafetyLevel.CONCERN)


@pytest.mark.parametrize(
    "piece",
    [
        "i want to ",
        "a",
        "not ",
        "kill my self ",
        "i ",
        "traffic ",
        "wish i ",
        "my ",
        "die of ",
        "\n",
    ],
)
def test_the_time_grows_with_the_length_alone(piece: str) -> None:
    """A hundred thousand characters made to confuse the screen take it a moment, not minutes."""
    text = (piece * (100_000 // len(piece)))[:100_000]
    start = time.process_time()
    screen(text)
    assert time.process_time() - start < 2
