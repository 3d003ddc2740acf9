"""How to speak to the writer: their words in the second person, and the forms to put them in."""

import hashlib
import re
from collections.abc import Sequence
from functools import cache

import attrs

from reflekt_core.providers.local.lexicon import lines

__all__ = ["Form", "addressed", "capital", "digest", "forms", "suiting"]

_ANY = "-"
_TURNED = {
    "i": "you",
    "me": "you",
    "my": "your",
    "mine": "yours",
    "our": "your",
    "ours": "yours",
    "myself": "yourself",
    "am": "are",
    "i'm": "you're",
    "im": "you're",
    "i've": "you've",
    "ive": "you've",
    "i'd": "you'd",
    "i'll": "you'll",
}
# Said to somebody else, or of a group: that cannot be turned round word for word.
_NOT_TURNED = frozenset(
    [
        "you",
        "your",
        "yours",
        "yourself",
        "you're",
        "you've",
        "you'll",
        "you'd",
        "u",
        "ur",
        "ya",
        "we",
        "us",
        "we're",
        "we've",
        "we'll",
        "we'd",
        "ourselves",
    ]
)
_WAS = re.compile(
    r"\b(?P<i>you(?: (?:just|really|still|also|only|always|never))?) was(?P<n>n't)?\b"
)
_WAS_YOU = re.compile(r"\bwas(?P<n>n't)? you\b")
_KIN = frozenset(
    [
        "mum",
        "mom",
        "mummy",
        "mommy",
        "dad",
        "daddy",
        "mama",
        "papa",
        "grandma",
        "granddad",
        "grandpa",
        "gran",
        "granny",
        "nan",
    ]
)
_BEFORE_KIN = frozenset(
    [
        "a",
        "an",
        "the",
        "my",
        "your",
        "his",
        "her",
        "their",
        "our",
        "its",
        "no",
        "dear",
        "step",
        "every",
        "this",
        "that",
        "old",
        "late",
        "new",
    ]
)
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def addressed(words: str) -> str:
    """
    Return *words* of the writer as said to the writer, "" if that would come out wrong.

    "I keep avoiding my sister" becomes "you keep avoiding your sister", a bare "mum" "your mum".
    """
    plain = words.replace("’", "'")
    found = _TOKEN.findall(plain.lower())
    if _NOT_TURNED & set(found):
        return ""
    before = ""

    def turn(match: re.Match[str]) -> str:
        nonlocal before
        word = match[0].lower()
        bare = word in _KIN and before not in _BEFORE_KIN
        before = word
        return f"your {word}" if bare else _TURNED.get(word, match[0])

    turned = _TOKEN.sub(turn, plain)
    turned = _WAS.sub(r"\g<i> were\g<n>", turned) if "was" in turned else turned
    return _WAS_YOU.sub(lambda m: f"were{m['n'] or ''} you", turned)


def capital(text: str) -> str:
    """Return *text* with a capital at its beginning."""
    return text[:1].upper() + text[1:]


@attrs.frozen
class Form:
    """A sentence with room for the writer's words; `tone` is "-" if it suits any."""

    tone: str
    text: str

    @property
    def opening(self) -> str:
        """Return how it begins; two of the same would sound like a form letter."""
        return " ".join(self.text.split()[:2])

    def filled(self, *, it: str = "", you: str = "", rest: str = "") -> str:
        """Return the sentence, "" if it needs words that there are none of."""
        given = {"it": it, "It": capital(it), "you": you, "You": capital(you), "rest": rest}
        if any(not word and f"{{{name}}}" in self.text for name, word in given.items()):
            return ""
        return self.text.format(**given)


@cache
def forms(name: str) -> dict[str, tuple[Form, ...]]:
    """Return the forms of the data file *name*, by section."""
    table: dict[str, list[Form]] = {}
    section = ""
    for line in lines(name):
        if line.startswith("["):
            section = line.strip("[]")
            table[section] = []
        else:
            tone, _, text = line.partition(" | ")
            table[section].append(Form(tone, text))
    return {section: tuple(found) for section, found in table.items()}


def suiting(found: Sequence[Form], tone: str, seed: str, *, light: bool) -> list[Form]:
    """
    Return the forms that suit *tone*, in an order that *seed* decides.

    Those for a plain, direct or playful tone come first, then those for any; gentle ones are not
    set apart. Playful ones are for what is *light*.
    """
    if tone == "playful" and not light:
        tone = "gentle"
    fitting = [form for form in found if form.tone in {tone, _ANY}]
    fitting.sort(key=lambda form: digest(seed, form.text))
    return fitting if tone == "gentle" else sorted(fitting, key=lambda form: form.tone == _ANY)


def digest(seed: str, item: str) -> bytes:
    """Return bytes to order *item* by: another order for every *seed*, always the same for one."""
    return hashlib.sha256(f"{seed}\0{item}".encode(errors="replace")).digest()
