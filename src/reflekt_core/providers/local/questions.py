"""Questions that take up what a text says, ways to go on with it, and plain observations."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import attrs

from reflekt_core.model.feelings import SentimentLabel
from reflekt_core.model.insights import Topic
from reflekt_core.providers.local.finds import (
    Find,
    Kind,
    feelings_named,
    finds,
    speaks_of_loss,
)
from reflekt_core.providers.local.lexicon import feeling_groups, word_list
from reflekt_core.providers.local.sentiment import Mood
from reflekt_core.providers.local.text import words

__all__ = ["Reader", "observations", "questions", "ways_on"]

_ASK = {
    Kind.WISH: (
        "You write “{it}”. What would the smallest first step look like?",
        "“{it}”: what would be different for you if that came true?",
        "“{it}”: what speaks for it, and what holds you back?",
        "“{it}”, you write. Since when has that been with you?",
    ),
    Kind.AVOIDANCE: (
        "“{it}”, you write. What might you be protecting there?",
        "“{it}”: what would make that a little easier?",
        "You write “{it}”. What is the smallest part of it you could look at?",
        "“{it}”: what do you imagine would happen otherwise?",
    ),
    Kind.DUTY: (
        "“{it}”: is that your own wish, or somebody else's voice?",
        "“{it}”: what would happen if that could wait?",
        "You write “{it}”. What would you choose if nobody expected anything?",
    ),
    Kind.HEAVY: (
        "“{it}”, you write. When did you notice it first?",
        "What would you say to a friend who told you “{it}”?",
        "You write “{it}”. Where in your body does that sit, and what might it need?",
        "“{it}”: what happened just before that?",
    ),
    Kind.LIGHT: (
        "“{it}”, you write. What made room for that?",
        "“{it}”: which detail of that would you like to keep?",
        "You write “{it}”. Who or what had a part in it?",
    ),
    Kind.LIKING: (
        "“{it}”, you write. What is it about this that does you good?",
        "You write “{it}”. When do you notice it most?",
    ),
    Kind.DISLIKE: (
        "“{it}”, you write. What matters to you that is being hurt there?",
        "You write “{it}”. Which part of it could be different, and which could not?",
    ),
    Kind.MISSING: (
        "“{it}”, you write. Which moment comes to mind first?",
        "You write “{it}”. What was it like when you still had that?",
    ),
    Kind.INSIGHT: (
        "“{it}”, you write. What follows from that for the days ahead?",
        "You write “{it}”. What led up to that?",
    ),
    Kind.QUESTION: (
        "You ask yourself: “{it}” What would be your first, unpolished answer?",
        "“{it}” What answer would you give a friend who asked you this?",
    ),
    Kind.LOST: (
        "Which memory of {it} would you like to keep in words while it is near?",
        "What has {it} left in you that stays?",
    ),
    Kind.PERSON: (
        "What do you think this is like for {it}?",
        "What would you like to say to {it}, if the words came easily?",
        "How would {it} tell the same story?",
        "What do you see more clearly about {it} after writing this?",
    ),
    Kind.PLACE: (
        "What stays with you from {it}: a sound, a smell, a picture?",
        "What did {it} look, sound and smell like?",
    ),
}
# What is said outright comes first; people and places after it.
_FIRST = frozenset(Kind) - {Kind.PERSON, Kind.PLACE, Kind.LIKING, Kind.LIGHT, Kind.DUTY}
_IN_LOSS = frozenset([Kind.LOST, Kind.MISSING])
_FEW_WORDS, _MANY_WORDS = 10, 250
_ABOUT_WORDS = (
    "You mention “{it}”. What would you add about it if you had one more page?",
    "What else belongs to “{it}” in what you tell here?",
    "You mention “{it}”. Which picture comes with it?",
)
_ABOUT_FEW = "You write “{it}”. What lies behind those few words?"
_OPEN = {
    SentimentLabel.POSITIVE: (
        "Which moment of this would you like to remember in a year?",
        "What did you do yourself to make this possible?",
        "With whom would you like to share this, and what would you tell first?",
        "What does this say about what matters to you?",
    ),
    SentimentLabel.NEGATIVE: (
        "What would help, even a little, in the next few hours?",
        "Which part of this is yours to change, and which is not?",
        "What do you need that you have not asked for yet?",
        "Was there a moment, however short, when it was easier?",
    ),
    SentimentLabel.MIXED: (
        "Which of the two sides of this is louder right now, and what does the other one say?",
        "What would you like to keep from this, and what would you leave behind?",
        "What makes it possible that both are true at once?",
    ),
    SentimentLabel.NEUTRAL: (
        "Which moment of this stood out, even slightly, and why that one?",
        "What did you feel that has not found its way into these lines?",
        "What would you like more of, and what less, in a day like this?",
        "If this had a title, what would it be?",
    ),
}
_OPEN_PLAYFUL = (
    "If this were a film, what would it be called, and who would play you?",
    "Which colour, which number of stars and which soundtrack would you give all this?",
    "What would a cheerful stranger ask you after reading this?",
)
_OPEN_LOSS = (
    "Who or what helps you carry this, even a little?",
    "What would you like to remember of these days later on?",
    "What do you need most right now: company, quiet, something to do, or nothing at all?",
)
_OPEN_CRISIS = (
    "Who could be with you, or within reach, in the next few hours?",
    "What has helped you through a moment like this before, even a little?",
)
_GO_ON = {
    Kind.WISH: ("Write down the smallest step towards it: “{it}”.",),
    Kind.AVOIDANCE: ("Say what makes it hard: “{it}”, because …",),
    Kind.DUTY: ("Go on from “{it}” with the words “What I would rather do is”.",),
    Kind.HEAVY: (
        "Stay with “{it}” a little longer: where do you notice it?",
        "Tell what happened before “{it}”.",
    ),
    Kind.LIGHT: ("Stay with “{it}” a little longer: what else was there?",),
    Kind.LIKING: ("Tell when you first noticed it: “{it}”.",),
    Kind.DISLIKE: ("Write about what you would wish for instead of “{it}”.",),
    Kind.MISSING: ("Tell of one moment that belongs to “{it}”.",),
    Kind.INSIGHT: ("Go on from “{it}”: what is different now?",),
    Kind.QUESTION: ("Answer your own question, badly at first: “{it}”",),
    Kind.LOST: ("Tell of one ordinary moment with {it}.",),
    Kind.PERSON: (
        "Write what {it} might say about this.",
        "Say what you would like {it} to know.",
    ),
    Kind.PLACE: ("Bring back {it}: what could you see, hear and smell?",),
}
_GO_ON_WORDS = (
    "Add one detail about “{it}” that only you could know.",
    "Tell how “{it}” came into this.",
)
_GO_ON_OPEN = (
    "Finish the sentence “What I have not said yet is …”",
    "Say how your body felt at that moment.",
    "Write what you would like to remember of this in a year.",
    "Tell what came right before, and what came right after.",
    "Describe the place where this happened: light, sounds, smells.",
)
_GO_ON_LOSS = (
    "Write one plain sentence about today. It does not have to lead anywhere.",
    "Tell who or what was there for you, even for a moment.",
    "Write down something you would like to keep.",
)
_GO_ON_CRISIS = (
    "Write the name of one person you could call or sit with right now.",
    "Write down what you can see, hear and touch where you are.",
    "Write one sentence you would like somebody to know about how you are.",
)

_OFTEN = 4
_SEVERAL_QUESTIONS = 2
_MANY_MUSTS = 3
_SHORTEST = 3
_LONGEST_QUOTE = 80
_TURN = 0.7
_SENTENCES_FOR_A_TURN = 6


@attrs.frozen
class Reader:
    """A text as it was read; all that questions about it depend on."""

    text: str
    sentences: tuple[str, ...]
    phrases: tuple[Topic, ...]
    label: SentimentLabel = SentimentLabel.NEUTRAL
    tone: str = "gentle"
    is_english: bool = True
    is_crisis: bool = False

    def shuffled(self, items: Iterable[str]) -> list[str]:
        """Return *items* in an order that the text decides."""
        return sorted(items, key=lambda item: (_digest(self.text, item), item))

    @property
    def word_count(self) -> int:
        """Return how many words there are, roughly."""
        return self.text.count(" ") + 1


def questions(reader: Reader) -> tuple[str, ...]:
    """Return two to four open questions, about what the text says as far as it is understood."""
    if reader.is_crisis:
        return _OPEN_CRISIS
    if not reader.is_english:
        return tuple(reader.shuffled(_OPEN[SentimentLabel.NEUTRAL])[:2])
    if speaks_of_loss(reader.text):
        own: list[str] = _taken_up(reader, _ASK, _IN_LOSS)
        general: Sequence[str] = _OPEN_LOSS
    else:
        own, general = _taken_up(reader, _ASK, frozenset(Kind)), _open(reader)
        own = own or _about_words(reader, _ABOUT_WORDS) or _about_few(reader)
    count = 2 + (reader.word_count > _FEW_WORDS) + (reader.word_count > _MANY_WORDS)
    return (*own[: count - 1], *reader.shuffled(general))[:count]


def ways_on(reader: Reader) -> tuple[str, ...]:
    """Return three to five ways to go on with a draft."""
    if reader.is_crisis:
        return _GO_ON_CRISIS
    if not reader.is_english:
        return tuple(reader.shuffled(_GO_ON_OPEN)[:3])
    if speaks_of_loss(reader.text):
        return (*_taken_up(reader, _GO_ON, _IN_LOSS)[:2], *reader.shuffled(_GO_ON_LOSS))[:4]
    own = _taken_up(reader, _GO_ON, frozenset(Kind))[:3]
    own += _about_words(reader, _GO_ON_WORDS) or _about_few(reader, "Go on from “{it}”.")
    return (*own, *reader.shuffled(_GO_ON_OPEN))[: max(4, min(5, len(own) + 1))]


def observations(reader: Reader, mood: Mood) -> tuple[str, ...]:
    """Return up to three things that anyone can check in the text; often none."""
    if not reader.is_english or reader.is_crisis:
        return ()
    return tuple(_observed(reader, mood))[:3]


def _open(reader: Reader) -> Sequence[str]:
    if reader.tone == "playful" and reader.label in {
        SentimentLabel.POSITIVE,
        SentimentLabel.NEUTRAL,
    }:
        return (*_OPEN_PLAYFUL, *_OPEN[reader.label][:1])
    if reader.label is SentimentLabel.MIXED and not re.search(
        r"\b(?:but|although|though|yet|both|still|same time)\b", reader.text
    ):
        return _OPEN[SentimentLabel.NEUTRAL]  # asked about two sides only if the writer names them
    return _OPEN[reader.label]


def _taken_up(
    reader: Reader, templates: dict[Kind, tuple[str, ...]], kinds: frozenset[Kind]
) -> list[str]:
    """Return one sentence for each kind of find, about different words and in different forms."""
    asked: list[str] = []
    used: list[str] = []
    forms: set[str] = set()
    for find in _chosen(reader, kinds):
        if any(find.words in other or other in find.words for other in used):
            continue
        fitting = reader.shuffled(templates[find.kind])
        if reader.tone == "direct":
            fitting = sorted(fitting, key=len)
        form = next((f for f in fitting if f[:4] not in forms), fitting[0])
        forms.add(form[:4])
        used.append(find.words)
        asked.append(form.format(it=find.words))
    return asked


def _chosen(reader: Reader, kinds: frozenset[Kind]) -> list[Find]:
    by_kind: dict[Kind, list[str]] = {}
    for find in finds(reader.sentences):
        if find.kind in kinds:
            by_kind.setdefault(find.kind, []).append(find.words)
    one_each = [Find(kind, reader.shuffled(found)[0]) for kind, found in by_kind.items()]
    return sorted(
        one_each, key=lambda find: (find.kind not in _FIRST, _digest(reader.text, find.kind))
    )


def _about_words(reader: Reader, templates: Sequence[str]) -> list[str]:
    plain = [topic.name for topic in reader.phrases if topic.name in reader.text]
    return [reader.shuffled(templates)[0].format(it=plain[0])] if plain else []


def _about_few(reader: Reader, template: str = _ABOUT_FEW) -> list[str]:
    last = reader.sentences[-1] if reader.sentences else ""
    quote = last.rstrip(".!…, ")
    fits = 1 <= len(words(quote)) <= _FEW_WORDS and not re.search(r"[\"“”«»(){}\[\]?]", quote)
    return [template.format(it=quote)] if fits and len(quote) <= _LONGEST_QUOTE else []


def _as_written(word: str, text: str) -> str:
    """Return *word* as it stands in *text*, where it first does: what is quoted must occur."""
    found = re.search(re.escape(word).replace("'", "['’]"), text, re.IGNORECASE)
    return found[0] if found else word


def _observed(reader: Reader, mood: Mood) -> Iterator[str]:
    named = feelings_named(reader.sentences)
    if len(named) > 1:
        *others, last = (f"“{_as_written(word, reader.text)}”" for word in named[:4])
        yield f"You name more than one feeling: {', '.join(others)} and {last}."
    word, times = _most_repeated(reader)
    if times >= _OFTEN:
        yield f"“{_as_written(word, reader.text)}” comes up {times} times."
    turn = _turn(mood)
    if abs(turn) >= _TURN:
        yield (
            "The text ends on a lighter note than it begins."
            if turn > 0
            else "The text ends on a heavier note than it begins."
        )
    asked = sum(sentence.endswith("?") for sentence in reader.sentences)
    if asked >= _SEVERAL_QUESTIONS:
        yield f"You put {asked} questions to yourself or others."
    musts = len(re.findall(r"\b[Ii] (?:should|must|have to|ought to)\b", reader.text))
    if musts >= _MANY_MUSTS:
        yield f"You write {musts} times of what you should or have to do."


def _most_repeated(reader: Reader) -> tuple[str, int]:
    counts = Counter(
        word
        for word in words(reader.text)
        if len(word) >= _SHORTEST and word not in word_list("stop") and word not in feeling_groups()
    )
    return max(counts.items(), key=lambda item: (item[1], item[0]), default=("", 0))


def _turn(mood: Mood) -> float:
    """Return how much lighter the last third reads than the first; 0 if that says little."""
    scores = mood.scores
    third = len(scores) // 3
    if len(scores) < _SENTENCES_FOR_A_TURN:
        return 0.0
    return (sum(scores[-third:]) - sum(scores[:third])) / third


def _digest(text: str, item: str) -> bytes:
    return hashlib.sha256(f"{text}\0{item}".encode(errors="replace")).digest()
