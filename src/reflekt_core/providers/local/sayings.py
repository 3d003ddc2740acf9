"""What people say that is worth taking up: the kinds of it, and the patterns to find it by."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache

from reflekt_core.providers.local.lexicon import lines

__all__ = [
    "CLAUSE_END",
    "DEED",
    "FEELING",
    "FEELING_KINDS",
    "NO_LINE",
    "OPENS_CLAUSE",
    "REPORTED",
    "SERIES",
    "SHORT_DEED",
    "VERB",
    "Kind",
    "mentioned",
    "said",
]


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
    THOUGHT = "thought"
    REPEATED = "again and again"
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


# What the words in angle brackets stand for in `sayings.txt`.
_ADVERB = (
    r"(?:(?:so|very|really|just|still|also|quite|too|a bit|a little|pretty|always|never|only|do|kind of"
    r"|secretly|honestly|simply|even|desperately|actually|probably|maybe|definitely|sort of) ){0,2}"
)
_MACROS = {
    "<adverb>": _ADVERB,
    "<wishing>": _ADVERB.replace("|never", ""),
    "<have>": r"[Ii](?:'?ve| have)?",
    "<am>": r"[Ii](?:'?m| am| was|'ve been| have been)",
}
# A pattern for what is mentioned is tried only where one of these occurs.
_CUES = {
    Kind.DREAM: ("dream", "nightmare"),
    Kind.PARTING: ("up", "left", "ended", "divorce", "over", "moved"),
    Kind.SLEEPLESS: ("sleep", "awake", "insomnia", "am"),
    Kind.PRAYER: ("lord", "god", "father", "jesus", "allah", "amen"),
    Kind.TOMORROW: ("tomorrow",),
}
DEED = re.compile(
    r"\b[Ii] (?:(?:just|actually|even|really) )?(?!needed|wanted|loved|hated|used|tried|noticed|realised|realized|decided|missed|wished|hoped"
    r"|supposed|seemed|learned|need|enjoyed|dreamed|finally|managed|liked|preferred|meant)"
    r"(?:[a-z]{2,}ed|went|saw|told|said|came|got|sat|stood|ran|rang|wrote|made|took|gave|left|met|found|lost|slept|woke"
    r"|drank|ate|sang|spoke|bought|brought|broke|forgot|fell|held|heard|lay|swore|lent|bit|hid|threw|drove|swam)\b"
)
FEELING = re.compile(
    r"\b[Ii](?:'?m| am| was| feel| felt|'ve been| have been|'?m feeling| am feeling| was feeling)"
    r"(?P<rest>(?: [a-z']+){1,6})",
)
FEELING_KINDS = {
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
CLAUSE_END = re.compile(
    r"[^\w\s'’-]|\s-|(?-i:\s(?=i(?:'?m|'?ve)?\s))"
    r"|\s(?:but|because|cause|cos|so(?= (?:i|he|she|they|we|it|that|the|my|now)\b)|while|although|though|if|since|until|except|or|when"
    r"|then|as|and (?:i|i'm|then|he|she|they|we|it|my|the|that|now|yet|also|maybe)|where|after|before|whenever|lol|haha|tbh|ngl"
    r"|anyway|honestly|i guess|i think|i suppose|right now|too|please)\b",
    re.IGNORECASE,
)
OPENS_CLAUSE = re.compile(
    r"(?:^|[^\w\s'’]\s*|\b(?:and|but|so|then|because|cause|cos|that|as|while|until|although|though|since|when|after|before|or"
    r"|today|tonight|yesterday|tomorrow|sometimes|maybe|perhaps|now|here|lol|tbh|ok|okay|yes|no|well|oh|also|think|guess|know"
    r"|realise|realised|realize|realized|feel|morning|evening|afternoon|night|week|weekend|day|days|year|later|again|i"
    r"|\w+ly|\w*day)\s)$",
    re.IGNORECASE,
)
SERIES = re.compile(
    r"(?:[\w'-]+ ){0,3}[\w'-]+(?:, (?:[\w'-]+ ){0,3}[\w'-]+)+,? and (?!i\b|I\b|then\b|he\b|she\b|we\b)"
)
REPORTED = re.compile(
    r"\b(?:what|which|who|whom|how|why|if|unless|whether|says?|said|thinks?|told me|means|where) (?:that )?$"
)
_PAST = (
    "went|saw|told|said|came|got|sat|stood|ran|rang|wrote|made|took|gave|met|found|lost|slept|woke|drank|ate|sang|spoke"
    "|bought|brought|broke|forgot|fell|held|heard|swore|threw|drove|swam|had"
)
SHORT_DEED = re.compile(
    rf"[^\w\s]*\s*(?:(?:Just|Finally|Then|Today|So) )?(?P<verb>(?:[A-Z][a-z]{{2,}}ed(?! (?:to|by|that|in|on) )|(?i:{_PAST})))\b(?= )"
)
VERB = re.compile(
    r"\b(?:is|was|are|were|am|has|had|have|can|will|would|feel|feels|felt|goes|went|let|keeps?|kept|\w{2,}ed)\b|n't\b|'s\b|'m\b",
    re.IGNORECASE,
)
NO_LINE = re.compile(
    r"[\"“”«»()…?:;]|[^\w)]$|^(?:Dear|Hi|Hello)\b|\.{2}|\b(?:[Yy]ou|[Ll]ord|[Aa]men)\b"
)


@cache
def said() -> tuple[re.Pattern[str], Sequence[Kind]]:
    """Return one pattern for all that "I" may say, and the kind of each of its groups."""
    found = _patterns()[0]
    joined = "|".join(f"(\\b(?:{pattern}))" for _, pattern in found)
    return re.compile(joined), [kind for kind, _ in found]


@cache
def mentioned() -> Mapping[Kind, tuple[re.Pattern[str], Sequence[str]]]:
    """Return a pattern for each thing that counts wherever it occurs, with cues to look for first."""
    return {kind: (re.compile(pattern), _CUES[kind]) for kind, pattern in _patterns()[1]}


@cache
def _patterns() -> tuple[list[tuple[Kind, str]], list[tuple[Kind, str]]]:
    said_by_writer: list[tuple[Kind, str]] = []
    anywhere: list[tuple[Kind, str]] = []
    table = said_by_writer
    for line in lines("sayings.txt"):
        kind, bar, pattern = line.partition(" | ")
        if not bar:
            table = anywhere
            continue
        for name, meaning in _MACROS.items():
            pattern = pattern.replace(name, meaning)
        table.append((Kind(kind), pattern.replace("~", " ")))
    return said_by_writer, anywhere
