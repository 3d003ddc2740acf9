"""What a text offers to be taken up: wishes, feelings, people, places, and words to quote."""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum

import attrs

from reflekt_core.providers.local import people
from reflekt_core.providers.local.lexicon import HEAVY, LIGHT, feeling_groups, word_list
from reflekt_core.providers.local.text import words
from reflekt_core.providers.local.wording import addressed

__all__ = ["Find", "Kind", "feelings_named", "finds"]


class Kind(StrEnum):
    """What a find is; by this name its forms stand in `questions.txt` and `ways.txt`."""

    # What is said outright
    PUT_OFF = "put off"
    UNWANTED = "unwanted"
    UNWANTED_THEN = "unwanted then"
    UNFACED = "unfaced"
    DREADED = "dreaded"
    UNTOLD = "untold"
    ALONE = "alone with it"
    LIMIT = "limit"
    REGRET = "regret"
    WISH_TO = "wish to"
    WISH = "wish"
    WANTED_TO = "wanted to"
    NEED = "need"
    DUTY = "duty"
    MISSING = "missing"
    ACHIEVED = "achieved"
    DECIDED = "decided"
    REALISED = "realised"
    THINKING = "thinking"
    WONDER = "wonder"
    THANKFUL = "thankful"
    LIKING = "liking"
    DISLIKE = "dislike"
    DREAM = "dream"
    PARTING = "parting"
    SLEEPLESS = "sleepless"
    PRAYER = "prayer"
    QUESTION = "question"
    MOMENT = "moment"
    LINE = "line"
    # Feelings
    SADNESS = "sadness"
    SHAME = "shame"
    TIRED = "tired"
    ANGER = "anger"
    FEAR = "fear"
    BAD = "bad"
    JOY = "joy"
    CALM = "calm"
    LOVE = "love"
    GRATITUDE = "gratitude"
    HOPE = "hope"
    # Who and where
    LOST = "lost"
    COMPANION = "companion"
    PERSON = "person"
    CHILD = "child"
    ANIMAL = "animal"
    PLACE = "place"
    TOMORROW = "tomorrow"


@attrs.frozen
class Find:
    """
    Something to take up.

    `words` occur in the text; of people and places they are as said to the writer ("your sister").
    `you` is the same in the second person and `rest` what stands in it after the verb; both are
    empty where that would come out wrong. `at` is the number of the sentence.
    """

    kind: Kind
    words: str
    you: str = ""
    rest: str = ""
    at: int = 0


_MOST_WORDS = 13
_LEAST_WORDS = 3
_MOST_SPACES = 14
_MOST_SENTENCES = 300
_LONGEST = 600

_ADVERB = (
    r"(?:(?:so|very|really|just|still|also|quite|too|a bit|a little|pretty|always|never|only|do|kind of"
    r"|secretly|honestly|simply|even|desperately|actually|probably|maybe|definitely|sort of) ){0,2}"
)
_WISHING = _ADVERB.replace("|never", "")
_HAVE = r"[Ii](?:'?ve| have)?"
_AM = r"[Ii](?:'?m| am| was|'ve been| have been)"
_NOT = r"(?:do|did|ca|could|would)(?:n't|nt| not)"
# The earlier one counts, where several fit at the same place.
_SAID = (
    (
        Kind.REGRET,
        r"[Ii] should(?:n't| not)?(?: have|'ve) |[Ii] (?:wish|regret) (?:that )?[Ii](?:'d| had| hadn't) "
        r"(?!a\b|an\b|some|more\b|the\b|my\b|any|no\b|time\b|enough\b|better\b)|[Ii] regret ",
    ),
    (
        Kind.UNTOLD,
        r"[Ii] (?:(?:haven't|have not|havent|hadn't|never|still haven't) (?:even )?(?:told|tell)|can't tell|cant tell) (?!anyone\b|anybody\b|you\b|them apart\b)",
    ),
    (
        Kind.ALONE,
        r"[Ii] (?:can't|cant|cannot|couldn't|haven't) (?:talk(?:ed)? to|tell|told|speak to) (?:anyone|anybody)\b",
    ),
    (
        Kind.LIMIT,
        r"[Ii] (?:can't|cant|cannot|can not) (?:do (?:this|it)|take (?:it|this|much)|go on like this|keep (?:doing|up)|cope)\b",
    ),
    (
        Kind.PUT_OFF,
        r"[Ii] (?:keep|kept|always keep) (?:putting off|avoiding|postponing|delaying|pushing back) ",
    ),
    (
        Kind.PUT_OFF,
        rf"{_HAVE} {_ADVERB}(?:been )?(?:avoided|avoiding|postponed|postponing|put off|putting off|dodging) ",
    ),
    (
        Kind.UNFACED,
        rf"[Ii] {_ADVERB}(?:can't|cant|cannot|couldn't|didn't) (?:bring myself to|dare(?: to)?|get myself to) ",
    ),
    (Kind.UNWANTED, rf"[Ii] {_ADVERB}(?:don't|dont|do not) want to (?!be\b|live\b|wake up\b|exist\b|go on\b|eat\b|die\b)"),
    (Kind.UNWANTED_THEN, rf"[Ii] {_ADVERB}(?:didn't|didnt|did not) want to "),
    (
        Kind.DREADED,
        rf"(?:{_AM} {_ADVERB}(?:afraid|scared|terrified|frightened|nervous|worried|anxious) (?:of|about) "
        rf"|{_AM} {_ADVERB}dreading |[Ii] {_ADVERB}(?:dread|worry about) )",
    ),
    (
        Kind.WISH_TO,
        rf"[Ii] {_WISHING}(?:want to|wanna|hope to|wish to|long to|intend to|plan to|would love to"
        r"|would like to)(?! (?:die|disappear|vanish|say|tell you|thank|point out|think|remember|forget|keep|cry|scream|be sick|throw up|punch|kill|hate"
        r"|hurt|hit|give up)\b) "
        rf"|[Ii](?:'d| would) {_WISHING}(?:love|like) to (?!think\b|say\b|thank\b|see how\b|point\b)",
    ),
    (
        Kind.WANTED_TO,
        rf"[Ii] {_ADVERB}(?:wanted|hoped|meant|planned) to (?!give up\b|die\b|disappear\b|cry\b|scream\b|kill\b)",
    ),
    (
        Kind.WISH,
        rf"[Ii] {_ADVERB}(?:wish|hope|dream|long) (?:that |of |for )?(?=(?:my|[Ii]|he|she|they|it|there|the|a"
        r"|things|people|somebody|someone|\w+ing) )",
    ),
    (Kind.DUTY, rf"[Ii] {_ADVERB}(?:should|must|have to|need to|ought to|gotta) (?!have\b|be\b|say\b|admit\b|write\b|go to bed\b|sleep\b|get up\b|do what\b|stop\b)"),
    (Kind.NEED, rf"[Ii] {_ADVERB}(?:need|crave) (?=(?:a|an|some|more|less|time|help|space|rest|sleep|quiet|my) ?)"),
    (Kind.MISSING, rf"[Ii] {_ADVERB}miss (?!out\b|it\b|that\b|this\b|the bus\b|the train\b|work\b)"),
    (Kind.THINKING, rf"[Ii] (?:keep|kept|can't stop|cant stop|couldn't stop) (?:thinking|worrying) about "),
    (Kind.WONDER, rf"[Ii](?:'m| am)? {_ADVERB}(?:wonder|wondering|keep wondering) (?=if|whether|why|how|what|who)"),
    (Kind.DECIDED, rf"{_HAVE} {_ADVERB}(?:decided|promised|resolved) (?=to |that |my|not )"),
    (
        Kind.REALISED,
        rf"{_HAVE} {_ADVERB}(?:realised|realized|learned|learnt|noticed|discovered|understood) (?=that|how|what|why|i\b|my\b)",
    ),
    (
        Kind.ACHIEVED,
        r"(?i:(?:i|we) (?:(?:finally|actually|even) )?(?:passed|won|completed|managed to|got promoted|was promoted|made it"
        r"|did it|got the (?:job|place|part|offer|flat)|got a (?:job|place|promotion|raise|offer))\b)"
        r"|(?:[Ii]|[Ww]e)(?:'ve)? finally \w+(?:ed|t|ot|ok|id|an|ent|ote|old|aid)\b",
    ),
    (
        Kind.THANKFUL,
        rf"{_AM} {_ADVERB}(?:grateful|thankful) for (?!that\b|this\b|it\b)|[Ii] {_ADVERB}feel (?:grateful|thankful) for ",
    ),
    (
        Kind.LIKING,
        rf"[Ii] {_ADVERB}(?:love|loved|enjoy|enjoyed|adore) (?!how\b|when\b|it when\b|that\b|it\b|him\b|her\b|them\b|to\b|you\b)",
    ),
    (
        Kind.DISLIKE,
        rf"[Ii] {_ADVERB}(?:hate|hated|can't stand|cant stand|resent) (?!to\b|it\b|that\b|this\b|myself\b|when\b|how\b|you\b|being me\b|my (?:body|face|life|self|looks)\b|him\b|her\b|them\b)",
    ),
)
_SAID_PATTERN = re.compile("|".join(rf"(?P<k{i}>\b(?:{p}))" for i, (_, p) in enumerate(_SAID)))
_HAPPENED = (
    (Kind.DREAM, r"\b(?:[Ii] (?:dreamt|dreamed)|(?:[Ii] had (?:a|the|that|this)|in (?:the|my)) (?:\w+ ){0,2}(?:dream|nightmare)\b|[Dd]reamt)\b"),
    (
        Kind.PARTING,
        r"\b(?:we(?:'ve| have)? (?:broke|broken|split) up|broke up with me|(?:he|she|they|[A-Z][a-z]+) (?:has )?left me"
        r"|(?:he|she|they) ended (?:it|things)|our break-?up|the break-?up|our divorce|the divorce|[Ww]e(?:'re| are) over|(?:[Hh]e|[Ss]he|[A-Z][a-z]+) moved out)\b",
    ),
    (
        Kind.SLEEPLESS,
        r"\b(?i:can't sleep|cant sleep|couldn't sleep|(?:lying|lay|wide|still) awake|insomnia|awake (?:since|at|until|again)|no sleep"
        r"|[34](?::\d\d)? ?am)\b",
    ),
    (
        Kind.PRAYER,
        r"\b(?:[Ll]ord|God|Father|Jesus|Allah)\b.{0,60}\b(?:help|give|grant|forgive|watch over|let|keep|thank|bless|teach|please)\b"
        r"|\b[Aa]men\b",
    ),
    (Kind.TOMORROW, r"\b[Tt]omorrow\b"),
)
_MOMENT = re.compile(
    rf"\b[Ii] (?:(?:just|actually|even|really) )?(?!needed|wanted|loved|hated|used|tried|noticed|realised|realized|decided|missed|wished|hoped"
    r"|supposed|seemed|learned|need|enjoyed|dreamed|finally|managed|liked|preferred|meant)"
    r"(?:[a-z]{2,}ed|went|saw|told|said|came|got|sat|stood|ran|rang|wrote|made|took|gave|left|met|found|lost|slept|woke"
    r"|drank|ate|sang|spoke|bought|brought|broke|forgot|fell|held|heard|lay|swore|lent|bit|hid|threw|drove|swam)\b"
)
_CUES = {
    Kind.DREAM: ("dream", "nightmare"),
    Kind.PARTING: ("up", "left", "ended", "divorce", "over", "moved"),
    Kind.SLEEPLESS: ("sleep", "awake", "insomnia", "am"),
    Kind.PRAYER: ("lord", "god", "father", "jesus", "allah", "amen"),
    Kind.TOMORROW: ("tomorrow",),
}
_HAPPENED_PATTERNS = tuple((kind, re.compile(pattern)) for kind, pattern in _HAPPENED)
_FEEL = re.compile(
    r"\b[Ii](?:'?m| am| was| feel| felt|'ve been| have been|'?m feeling| am feeling| was feeling)"
    r"(?P<rest>(?: [a-z']+){1,6})",
)
_FEELING_KINDS = {
    "sadness": Kind.SADNESS,
    "shame": Kind.SHAME,
    "tired": Kind.TIRED,
    "anger": Kind.ANGER,
    "fear": Kind.FEAR,
    "disgust": Kind.BAD,
    "bad": Kind.BAD,
    "joy": Kind.JOY,
    "calm": Kind.CALM,
    "love": Kind.LOVE,
    "gratitude": Kind.GRATITUDE,
    "hope": Kind.HOPE,
}
_WRITER = re.compile(r"\b(?:[Ii]|[Ww]e|WE)\b")
_QUOTATION = frozenset("\"“”'")
_SPEECH = re.compile(r"[\"“][^\"“”]*[\"”]|(?<![\w])'[^']{2,80}'(?!\w)")
_CLAUSE_END = re.compile(
    r"[^\w\s'’-]|\s-|(?-i:\s(?=i(?:'?m|'?ve)?\s))"
    r"|\s(?:but|because|cause|cos|so(?= (?:i|he|she|they|we|it|that|the|my|now)\b)|while|although|though|if|since|until|except|or|when"
    r"|then|as|and (?:i|i'm|then|he|she|they|we|it|my|the|that|now|yet|also|maybe)|where|after|before|whenever|lol|haha|tbh|ngl"
    r"|anyway|honestly|i guess|i think|i suppose|right now|too|please)\b",
    re.IGNORECASE,
)
_LINE_WORDS = 9
_OPENS = re.compile(
    r"(?:^|[^\w\s'’]\s*|\b(?:and|but|so|then|because|cause|cos|that|as|while|until|although|though|since|when|after|before|or"
    r"|today|tonight|yesterday|tomorrow|sometimes|maybe|perhaps|now|here|lol|tbh|ok|okay|yes|no|well|oh|also|think|guess|know"
    r"|realise|realised|realize|realized|feel|morning|evening|afternoon|night|week|weekend|day|days|year|later|again|i"
    r"|\w+ly|\w*day)\s)$",
    re.IGNORECASE,
)
_LOOK_BACK = 40
_SERIES = re.compile(r"(?:[\w'-]+ ){0,3}[\w'-]+(?:, (?:[\w'-]+ ){0,3}[\w'-]+)+,? and (?!i\b|I\b|then\b|he\b|she\b|we\b)")
_REPORTED = re.compile(
    r"\b(?:what|which|who|whom|how|why|if|unless|whether|says?|said|thinks?|told me|means|where) (?:that )?$"
)
_PAST = (
    "went|saw|told|said|came|got|sat|stood|ran|rang|wrote|made|took|gave|met|found|lost|slept|woke|drank|ate|sang|spoke"
    "|bought|brought|broke|forgot|fell|held|heard|swore|threw|drove|swam|had"
)
_DID = re.compile(
    rf"[^\w\s]*\s*(?:(?:Just|Finally|Then|Today|So) )?(?P<verb>(?:[A-Z][a-z]{{2,}}ed(?! (?:to|by|that|in|on) )|(?i:{_PAST})))\b(?= )"
)
_VERB = re.compile(
    r"\b(?:is|was|are|were|am|has|had|have|can|will|would|feel|feels|felt|goes|went|let|keeps?|kept|\w{2,}ed)\b|n't\b|'s\b|'m\b",
    re.IGNORECASE,
)
_NO_LINE = re.compile(r"[\"“”«»()…?:;]|[^\w)]$|^(?:Dear|Hi|Hello)\b|\.{2}|\b(?:[Yy]ou|[Ll]ord|[Aa]men)\b")
_OWN = frozenset("i my we me is".split())
_FEW_SPACES = 2
_LOOKS = (
    (Kind.LOST, people.lost),
    (Kind.COMPANION, people.companions),
    (Kind.PERSON, people.people),
    (Kind.CHILD, people.children),
    (Kind.ANIMAL, people.animals),
    (Kind.PLACE, people.places),
)
_WEAK_END = frozenset(["even", "also", "only", "either", "maybe", "ever", "next"])


def finds(sentences: Sequence[str], *, mourns: bool = False) -> list[Find]:
    """
    Return what *sentences* offer, in their order, nothing twice.

    Who died and who stood by is looked for only if the text *mourns*.
    """
    found: dict[tuple[Kind, str], Find] = {}
    for at, sentence in enumerate(sentences[:_MOST_SENTENCES]):
        cut = sentence[:_LONGEST]
        plain = _own_words(cut)
        speaks = [match.start() for match in _WRITER.finditer(plain)]
        for find in (
            *_said(cut, plain, speaks),
            *(_felt(cut, plain) if speaks else ()),
            *_moments(cut, plain, speaks),
            *_lines(sentence),
            *_asked(sentence),
            *_happened(plain),
            *_who(plain, mourns=mourns),
        ):
            found.setdefault((find.kind, find.words.lower()), attrs.evolve(find, at=at))
    gone = {find.words for find in found.values() if find.kind is Kind.LOST}
    return [f for f in found.values() if f.kind is Kind.LOST or f.words not in gone]


def feelings_named(sentences: Sequence[str]) -> list[str]:
    """Return the feelings that the writer says to have, each once, in order."""
    named: dict[str, None] = {}
    for sentence in sentences[:_MOST_SENTENCES]:
        for match in _FEEL.finditer(_own_words(sentence[:_LONGEST])):
            for word in _own_feelings(match["rest"]):
                named.setdefault(word)
    return list(named)


def _own_words(sentence: str) -> str:
    """Return *sentence* with straight apostrophes and, in place of other people's speech, dots."""
    plain = sentence.replace("’", "'")
    if not _QUOTATION & set(plain):
        return plain
    return _SPEECH.sub(lambda match: "." * len(match[0]), plain)


def _said(sentence: str, plain: str, starts: Sequence[int]) -> Iterator[Find]:
    end = 0
    for start in starts:
        match = _SAID_PATTERN.match(plain, start) if start >= end else None
        if not match or not _begins_clause(plain, start):
            continue
        end = match.end()
        kind = _SAID[int((match.lastgroup or "k0")[1:])][0]
        quote = _quote(sentence, plain, match.start(), match.end())
        after = max(0, match.end() - match.start())
        yield from _find(kind, quote, after)


def _find(kind: Kind, quote: str, after: int) -> Iterator[Find]:
    if quote:
        rest = addressed(quote[after:].strip()) if quote[after:].strip() else ""
        yield Find(kind, quote, addressed(quote), rest)


def _felt(sentence: str, plain: str) -> Iterator[Find]:
    for match in _FEEL.finditer(plain):
        own = _own_feelings(match["rest"])
        if not own:
            continue
        end = match.start("rest") + match["rest"].find(own[0]) + len(own[0])
        quote = _quote(sentence, plain, match.start(), end)
        kinds = [_FEELING_KINDS[g] for g in feeling_groups()[own[0]] if g in _FEELING_KINDS]
        yield from _find(kinds[0], quote, len(quote))


def _own_feelings(rest: str) -> list[str]:
    """Return the feeling words right at the beginning of what follows "I feel"."""
    named = []
    for word in rest.split():
        if word in {"not", "never", "no", "n't"}:
            return []
        if word in word_list("filler"):
            continue
        groups = set(feeling_groups().get(word, ()))
        if not groups & (HEAVY | LIGHT) or word in word_list("no_feeling") or word.endswith("ly"):
            break
        named.append(word)
    return named


def _quote(sentence: str, plain: str, start: int, end: int) -> str:
    """Return the clause from *start* to after *end*; "" if it does not end well."""
    series = _SERIES.match(plain, end)
    stop = _CLAUSE_END.search(plain, series.end() if series else end)
    clause = plain[start : stop.start() if stop else len(plain)].split()
    needs_more = plain[end - 1] == " "  # "I want to" says nothing yet, "I feel tired" does
    least = max(_LEAST_WORDS - (not needs_more), len(plain[start:end].split()) + needs_more)
    while len(clause) > least and clause[-1].lower() in _WEAK_END:
        clause.pop()
    if len(clause) > _MOST_WORDS:
        cuts = [
            i for i in range(least, _MOST_WORDS + 1) if clause[i].lower() in word_list("cut_before")
        ]
        if not cuts:
            return ""
        clause = clause[: cuts[-1]]
    if len(clause) < least or _ends_badly(clause[-1].lower()) or not clause[-1][-1].isalnum():
        return ""
    return sentence[start : start + len(" ".join(clause))]


def _ends_badly(word: str) -> bool:
    return word in word_list("stop") and word not in word_list("good_ending")


def _asked(sentence: str) -> Iterator[Find]:
    if (
        sentence.endswith("?")
        and not sentence.endswith("??")
        and _FEW_SPACES <= sentence.count(" ") <= _MOST_SPACES
        and not re.search(r"[\"“”«»()…]", sentence)
    ):
        found = set(words(sentence))
        if _OWN & found and not {"you", "your", "he", "she"} & found:
            yield Find(Kind.QUESTION, sentence)


def _moments(sentence: str, plain: str, starts: Sequence[int]) -> Iterator[Find]:
    for start in starts:
        match = _MOMENT.match(plain, start)
        if match and _begins_clause(plain, start):
            quote = _quote(sentence, plain, start, match.end())
            yield from _find(_deed(quote), quote, 0)
            break
    short = _DID.match(plain)
    if short and short["verb"].lower() not in feeling_groups():
        quote = _quote(sentence, plain, short.start("verb"), short.end("verb"))
        turned = addressed(quote)
        if turned:
            yield Find(_deed(quote), quote, f"you {turned[0].lower()}{turned[1:]}")


def _begins_clause(plain: str, start: int) -> bool:
    """Whether "I" stands there as the writer's own statement, not as part of "the day I left"."""
    before = plain[max(0, start - _LOOK_BACK) : start]
    return not _REPORTED.search(before) and bool(_OPENS.search(before))


def _deed(quote: str) -> Kind:
    return Kind.ACHIEVED if "for the first time" in quote else Kind.MOMENT


def _lines(sentence: str) -> Iterator[Find]:
    line = sentence.rstrip(".! ").lstrip("-*•0123456789.) ")
    fits = _LEAST_WORDS <= len(words(line)) <= _LINE_WORDS and line.isascii()
    if fits and _VERB.search(line) and not _NO_LINE.search(line) and not line.isupper():
        yield Find(Kind.LINE, line)


def _happened(plain: str) -> Iterator[Find]:
    low = plain.lower()
    for kind, pattern in _HAPPENED_PATTERNS:
        match = pattern.search(plain) if any(cue in low for cue in _CUES[kind]) else None
        if match:
            yield Find(kind, match[0].strip())


def _who(plain: str, *, mourns: bool) -> Iterator[Find]:
    for kind, look in _LOOKS:
        if mourns or kind not in {Kind.LOST, Kind.COMPANION}:
            for name in look(plain):
                yield Find(kind, name)
