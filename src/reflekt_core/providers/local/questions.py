"""Questions that take up what a text says, and ways to go on with it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property

import attrs

from reflekt_core.model.feelings import SentimentLabel
from reflekt_core.model.insights import Topic
from reflekt_core.providers.local.finds import Find, finds
from reflekt_core.providers.local.lexicon import HEAVY, LIGHT, feeling_groups
from reflekt_core.providers.local.people import a_child_unborn, speaks_of_loss
from reflekt_core.providers.local.sayings import Kind
from reflekt_core.providers.local.text import words
from reflekt_core.providers.local.wording import Form, digest, forms, suiting

__all__ = ["Reader", "questions", "ways_on"]

_QUESTIONS, _WAYS = "questions.txt", "ways.txt"

_HEAVY = frozenset([Kind.SADNESS, Kind.SHAME, Kind.TIRED, Kind.ANGER, Kind.FEAR, Kind.BAD])
_LIGHT = frozenset(
    [Kind.JOY, Kind.CALM, Kind.LOVE, Kind.GRATITUDE, Kind.HOPE, Kind.LIKING, Kind.THANKFUL]
)
_GLAD = frozenset([Kind.JOY, Kind.CALM, Kind.LOVE, Kind.GRATITUDE, Kind.HOPE])
_WHO = frozenset([Kind.PERSON, Kind.CHILD, Kind.ANIMAL, Kind.COMPANION, Kind.LOST])
# What is said outright comes first, then feelings, then people and places.
_LATER = {
    Kind.DUTY: 1,
    Kind.LIKING: 1,
    Kind.DISLIKE: 1,
    Kind.REALISED: 1,
    Kind.UNWANTED: 1,
    Kind.WANTED_TO: 1,
    Kind.NEED: 1,
    Kind.MOMENT: 2,
    Kind.PERSON: 2,
    Kind.CHILD: 2,
    Kind.ANIMAL: 3,
    Kind.PLACE: 3,
    Kind.UNWANTED_THEN: 2,
    Kind.LINE: 4,
    Kind.TOMORROW: 4,
    **dict.fromkeys(_HEAVY | {Kind.JOY, Kind.CALM, Kind.LOVE, Kind.GRATITUDE, Kind.HOPE}, 1),
}
_BURDENS = frozenset(
    [
        *_HEAVY,
        *(Kind.ALONE, Kind.DREADED, Kind.LIMIT, Kind.PARTING, Kind.PUT_OFF, Kind.REGRET),
        *(Kind.SLEEPLESS, Kind.UNFACED, Kind.UNTOLD, Kind.PRAYER),
    ]
)
_OF_THE_DAY = frozenset([Kind.PERSON, Kind.PLACE, Kind.LINE, Kind.MOMENT, Kind.ANIMAL])
_IN_LOSS = {
    Kind.LOST: "lost",
    Kind.MISSING: "missing in loss",
    Kind.COMPANION: "companion",
    Kind.MOMENT: "moment in loss",
    Kind.UNTOLD: "untold in loss",
    **dict.fromkeys(_HEAVY, "heavy in loss"),
}
_IRONY = re.compile(
    r"\bjust what (?:i|we) (?:needed|wanted)|\b(?:oh )?(?:great|lovely|wonderful|brilliant|fantastic|marvellous"
    r"|perfect)[.,!] (?:another|again|so|now|because|the)|\bthanks for nothing|\b(?:slow clap|yay me|lucky me"
    r"|living the dream|what a surprise|how (?:lovely|nice|thoughtful) of)\b|\bsure, (?:why not|let's)",
    re.IGNORECASE,
)
_CONFLICT = re.compile(
    r"\b(?:shout\w*|yell\w*|argu\w+|row|fight|fought|quarrel\w*|lied|lies|ignor\w+|blam\w+|stole|snapped|mock\w*"
    r"|laughed at|insult\w*|cheat\w*|betray\w*|as if (?:they|it|he|she) (?:was|were)|furious|angry with|angry at"
    r"|hurt me|let me down|said (?:i was|that i)|(?:took|read|went through) my)\b",
    re.IGNORECASE,
)
_STATES = frozenset(
    [
        "be",
        "believe",
        "feel",
        "trust",
        "know",
        "have",
        "understand",
        "matter",
        "love",
        "see",
        "stay",
        "mean",
    ]
)
_SOMEBODY = frozenset(["him", "her", "them", "my", "someone", "somebody", "mum", "mom", "dad"])
_MARKS = re.compile(r"[\"“”«»(){}\[\]?]")
_CLEARLY, _RATHER = 0.5, 0.3
_FEW_WORDS, _MANY_WORDS = 10, 250
_SCRAP = 6
_LONGEST_VERSE = 60
_ITEM = re.compile(r"\s*(?:[-*•]|\d+[.)])")
_LONGEST_QUOTE = 80
_LEAST_LINES, _LINE_WORDS = 4, 4
_MOST_STATEMENTS = 2
_TELLING = 6
# These are taken up only where fewer other things are.
_FILLING = {"mention": 1, "line": 2, "few words": 1, "tomorrow": 2}


@attrs.frozen(slots=False)
class Reader:
    """A text as it was read; all that questions about it depend on."""

    text: str
    sentences: tuple[str, ...]
    phrases: tuple[Topic, ...]
    label: SentimentLabel = SentimentLabel.NEUTRAL
    scores: tuple[float, ...] = ()
    """How good (1) or bad (-1) each sentence sounds; empty if that is not known."""
    tone: str = "gentle"
    is_english: bool = True
    is_crisis: bool = False

    @cached_property
    def seed(self) -> str:
        """Return what decides among forms: another for every text, always the same for one."""
        return digest(self.text, "").hex()

    @cached_property
    def has_dream(self) -> bool:
        """Whether a dream is told, whose people and places are not those of the day."""
        return any(find.kind is Kind.DREAM for find in self.found)

    @cached_property
    def mourns(self) -> bool:
        """Whether the text speaks of a death."""
        return speaks_of_loss(self.text)

    @cached_property
    def is_ironic(self) -> bool:
        """Whether the text says in so many words what it does not mean."""
        return bool(_IRONY.search(self.text))

    @cached_property
    def is_list(self) -> bool:
        """Whether the text is a list of things rather than a tale."""
        found = [words(sentence) for sentence in self.sentences]
        said = sum(map(len, found))
        speaks = sum("i" in f or "i'm" in f for f in found)
        many = len(found) >= _LEAST_LINES and self.text.count("\n") >= _LEAST_LINES - 1
        return many and said <= _LINE_WORDS * len(found) and speaks * 5 <= len(found)

    @cached_property
    def is_verse(self) -> bool:
        """Whether the text stands in short lines, as poems do."""
        found = [line for line in self.text.splitlines() if line.strip()]
        return (
            len(found) >= _LEAST_LINES
            and max(map(len, found)) <= _LONGEST_VERSE
            and not any(_ITEM.match(line) for line in found)
        )

    @property
    def is_scrap(self) -> bool:
        """Whether there are hardly more words than one can count on a hand."""
        return self.word_count <= _SCRAP // 2

    @cached_property
    def found(self) -> tuple[Find, ...]:
        """Return what the text offers to be taken up."""
        return tuple(finds(self.sentences, mourns=self.mourns))

    @cached_property
    def is_burdened(self) -> bool:
        """Whether the words speak of something heavy, however the whole may sound."""
        groups = [set(feeling_groups().get(word, ())) for word in words(self.text)]
        heavy = sum(bool(found & HEAVY) for found in groups)
        light = sum(bool(found & LIGHT) for found in groups)
        outweighed = heavy > 0 and heavy >= light
        return (
            outweighed
            or self.is_ironic
            or bool(_CONFLICT.search(self.text))
            or any(find.kind in _BURDENS for find in self.found)
        )

    @property
    def is_glad(self) -> bool:
        """Whether the text sounds good and nothing in it speaks against that."""
        return self.label is SentimentLabel.POSITIVE and not self.is_burdened

    @property
    def is_light(self) -> bool:
        """Whether a joke would not hurt."""
        fine = self.label in {SentimentLabel.POSITIVE, SentimentLabel.NEUTRAL}
        return fine and not (self.mourns or self.is_crisis or self.is_burdened)

    @property
    def word_count(self) -> int:
        """Return how many words there are, roughly."""
        return len(self.text.split())


def questions(reader: Reader) -> tuple[str, ...]:
    """Return two to four open questions, about what the text says as far as it is understood."""
    table = forms(_QUESTIONS)
    if reader.is_crisis:
        return tuple(form.text for form in table["open, crisis"])
    count = 2 + (reader.word_count > _FEW_WORDS) + (reader.word_count > _MANY_WORDS)
    if reader.is_list and not reader.mourns:
        return _distinct([], _general(reader, table["list"]), count)
    if not reader.is_english:
        return _distinct([], _general(reader, table["open, neutral"]), 2)
    own = _taken_up(reader, table, count)
    if reader.is_scrap and own:
        own += _more_about_few(reader, table, own)
    return _distinct(own, _general(reader, table[_open(reader)]), count)


def ways_on(reader: Reader) -> tuple[str, ...]:
    """Return three to five ways to go on with a draft."""
    table = forms(_WAYS)
    if reader.is_crisis:
        return tuple(form.text for form in table["open, crisis"])
    if reader.is_list and not reader.mourns:
        return _distinct([], _general(reader, table["list"]), 3)
    general = _general(reader, _ways(reader, table))
    if not reader.is_english:
        return _distinct([], general, 3)
    own = _taken_up(reader, table, 3)
    return _distinct(own, general, 4)


@attrs.frozen
class _Said:
    """A sentence, and the form it was made of."""

    form: Form
    text: str


def _general(reader: Reader, found: Sequence[Form]) -> list[_Said]:
    fitting = suiting(found, reader.tone, reader.seed, light=reader.is_light)
    return [_Said(form, form.text) for form in fitting]


def _distinct(own: Sequence[_Said], general: Sequence[_Said], count: int) -> tuple[str, ...]:
    """Return *own* and as many of *general* as are needed, none twice and none beginning alike."""
    chosen = list(own[:count])
    openings = {said.form.opening for said in chosen}
    others = sorted(general, key=lambda said: said.form.opening in openings)
    return tuple(said.text for said in [*chosen, *others][:count])


def _open(reader: Reader) -> str:
    """Return the section of the questions that fit the text as a whole."""
    if reader.mourns:
        return "open, unborn" if a_child_unborn(reader.text) else "open, loss"
    if reader.is_ironic:
        return "open, irony"
    kinds = {find.kind for find in reader.found}
    for kind in (Kind.DREAM, Kind.PRAYER, Kind.PARTING):
        if kind in kinds and _is_meant(Find(kind, "-"), reader):
            return kind
    if reader.is_verse:
        return "open, verse"
    return f"open, {_felt_label(reader, kinds)}"


def _felt_label(reader: Reader, kinds: AbstractSet[Kind]) -> SentimentLabel:
    """Return the label to ask by: neutral where the writer's own words do not bear it out."""
    unsure = {
        SentimentLabel.POSITIVE: not reader.is_glad,
        SentimentLabel.NEGATIVE: Kind.ACHIEVED in kinds,
        SentimentLabel.MIXED: not _names_two_sides(kinds),
        SentimentLabel.NEUTRAL: False,
    }
    return SentimentLabel.NEUTRAL if unsure[reader.label] else reader.label


def _ways(reader: Reader, table: Mapping[str, tuple[Form, ...]]) -> Sequence[Form]:
    section = _open(reader)
    if section in table:
        return table[section] if section.startswith("open") else (*table[section], *table["open"])
    light = section == "open, positive"
    return (*table["open, light"], *table["open"]) if light else table["open"]


def _names_two_sides(kinds: AbstractSet[Kind]) -> bool:
    return bool(kinds & _GLAD) and bool(kinds & _HEAVY)


def _taken_up(reader: Reader, table: Mapping[str, tuple[Form, ...]], count: int) -> list[_Said]:
    """Return at most *count* sentences about different words, in different forms."""
    asked: list[_Said] = []
    used: list[str] = []
    for section, find in _chosen(reader):
        weak = section in _FILLING and len(asked) >= _FILLING[section]
        if len(asked) == count or weak or any(_overlap(find.words, other) for other in used):
            continue
        said = _said(reader, table.get(section, ()), find, asked)
        if said:
            used.append(find.words)
            asked.append(said)
    return asked


def _more_about_few(
    reader: Reader, table: Mapping[str, tuple[Form, ...]], before: Sequence[_Said]
) -> list[_Said]:
    """Return one more question about a text of few words, instead of a general one."""
    for section, find in _mentions(reader):
        said = _said(reader, table[section], find, before)
        if said and said.text not in {b.text for b in before}:
            return [said]
    return []


def _overlap(first: str, second: str) -> bool:
    a, b = first.lower(), second.lower()
    return a in b or b in a or a.split()[-1] in b.split() or b.split()[-1] in a.split()


def _said(
    reader: Reader, found: Sequence[Form], find: Find, before: Sequence[_Said]
) -> _Said | None:
    """Return the first form that the find fits in and that does not begin as one *before* it."""
    openings = [said.form.opening for said in before]
    first = None
    for form in suiting(found, reader.tone, reader.seed, light=reader.is_light):
        text = form.filled(it=find.words, you=find.you, rest=find.rest)
        if text:
            first = first or _Said(form, text)
            most = _MOST_STATEMENTS if form.opening == "{You}." else 1
            if openings.count(form.opening) < most:
                return _Said(form, text)
    return first


def _chosen(reader: Reader) -> Iterator[tuple[str, Find]]:
    """Give one find of each kind with its section, those to be taken up first coming first."""
    found = [find for find in reader.found if _is_meant(find, reader)]
    by_kind: dict[Kind, list[Find]] = {}
    for find in found:
        by_kind.setdefault(find.kind, []).append(find)
    best = [_best(group, reader) for group in by_kind.values()]
    for find in sorted(best, key=lambda f: (_LATER.get(f.kind, 0), digest(reader.seed, f.kind))):
        yield _section(find, reader), find
    if not (reader.mourns or reader.is_ironic or reader.is_verse):
        yield from _mentions(reader)


def _is_meant(find: Find, reader: Reader) -> bool:
    """Whether the find fits with the rest of the text."""
    if reader.mourns:
        unborn = find.kind is Kind.LOST and a_child_unborn(reader.text)
        return find.kind in _IN_LOSS and not unborn
    if reader.is_ironic and find.kind in _LIGHT | {Kind.LINE}:
        return False
    if reader.has_dream and find.kind in _OF_THE_DAY:
        return False
    return _fits_the_mood(find, reader)


def _fits_the_mood(find: Find, reader: Reader) -> bool:
    score = reader.scores[find.at] if find.at < len(reader.scores) else 0.0
    if find.kind is Kind.LINE:
        return abs(score) > _RATHER and not reader.is_verse
    if find.kind in {Kind.LIKING, Kind.THANKFUL, Kind.PLACE}:
        return score > -_CLEARLY
    if find.kind in {Kind.SLEEPLESS, Kind.PARTING}:
        by_baby = find.kind is Kind.SLEEPLESS and "baby" in reader.text
        return reader.label is not SentimentLabel.POSITIVE and not by_baby
    return True


def _best(group: Sequence[Find], reader: Reader) -> Find:
    """Return the find to take up: the person most spoken of, otherwise one that the text decides."""

    def rank(find: Find) -> tuple[float, int, bytes]:
        often = reader.text.count(find.words.split()[-1]) if find.kind in _WHO else 0
        score = reader.scores[find.at] if find.at < len(reader.scores) else 0.0
        strong = 0.0
        if find.kind in {Kind.MOMENT, Kind.LINE}:
            strong = abs(score) + min(find.words.count(" "), _TELLING) / _TELLING
        return -often - strong, find.at if find.kind in _WHO else 0, digest(reader.seed, find.words)

    return min(group, key=rank)


def _section(find: Find, reader: Reader) -> str:
    if reader.mourns:
        return _IN_LOSS[find.kind]
    if find.kind is Kind.PERSON:
        return _about(find, reader)
    if find.kind is Kind.WISH_TO and find.rest.split(" ")[0] in _STATES:
        return "wish to be"
    if find.kind is Kind.MISSING and find.rest.split(" ")[0] in _SOMEBODY:
        return "missing somebody"
    if find.kind is Kind.PLACE and not find.words.startswith("the "):
        return "place name"
    return find.kind


def _about(person: Find, reader: Reader) -> str:
    """Return the section for *person*: a glad or a hurt one only where the text says so plainly."""
    name = person.words.split()[-1]
    about = " ".join(sentence for sentence in reader.sentences if name in sentence)
    if reader.is_glad:
        return "person, glad"
    if reader.label is SentimentLabel.NEGATIVE and _CONFLICT.search(about):
        return "person, hurt"
    return person.kind


def _mentions(reader: Reader) -> Iterator[tuple[str, Find]]:
    """Give the last words of a few, and the phrase that stands out most."""
    last = reader.sentences[-1] if reader.sentences else ""
    quote = last.rstrip(".!…, ")
    few = 1 <= len(words(quote)) <= _SCRAP and len(quote) <= _LONGEST_QUOTE
    if few and reader.word_count <= 2 * _SCRAP and not _MARKS.search(quote):
        yield "few words", Find(Kind.WISH, quote)
    for topic in reader.phrases[:1]:
        named = rf"\b(?:the|a|an|my|our|his|her) {re.escape(topic.name)}(?=[.,;:!?]|$| (?:is|was|and|in|on|at|with)\b)"
        if " " not in topic.name and re.search(named, reader.text):
            yield "mention", Find(Kind.WISH, topic.name)
