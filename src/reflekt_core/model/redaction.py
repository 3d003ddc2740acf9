"""
Placeholders in place of what identifies people: `[EMAIL_1]`, `[NAME_2]`, and back again.

Looked for are e-mail addresses, phone numbers, web and IP addresses, payment card numbers, IBANs,
and the names that a user lists. What is written in a text like a placeholder gets one itself, so
that restoring gives back every text to the letter. `docs/explanation/safety.md` says what is missed.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

import attrs

from reflekt_core.model.identifiers import FINDERS, Finder, Span

__all__ = ["Redacted", "Redaction", "redact"]

_LOOKALIKE = "TEXT"
_KINDS = "|".join(dict.fromkeys(["NAME", _LOOKALIKE, *(kind for kind, _ in FINDERS)]))

# No lookaround: whatever of this form remains of a text when its matches are taken out was taken
# out too. The restoring of every text to the letter rests on that.
_PLACEHOLDER = re.compile(
    rf"[\[({{<]\s?(?P<kind>{_KINDS})(?:(?:\\?_|[ -])?(?P<number>[0-9]{{1,6}}))?\s?[\])}}>]"
    rf"|(?P<bare_kind>{_KINDS})\\?_(?P<bare_number>[0-9]{{1,6}})",
    re.IGNORECASE,
)
_NEUTRAL = {"NAME": "someone"}
_ANYTHING = "…"


@attrs.frozen
class Redacted:
    """A text with placeholders, and what each stands for."""

    text: str
    placeholders: Mapping[str, str]


@attrs.define
class Redaction:
    """
    The placeholders of one request: a value has the same one in all its texts.

    *names* are found in any case, as whole words, the longer ones first.
    """

    names: tuple[str, ...] = ()
    placeholders: dict[str, str] = attrs.field(factory=dict, init=False)
    """What each placeholder handed out so far stands for."""

    _issued: dict[tuple[str, str], str] = attrs.field(factory=dict, init=False)
    _counts: dict[str, int] = attrs.field(factory=dict, init=False)

    def redact(self, text: str) -> str:
        """Return *text* with placeholders."""
        named: Finder = partial(_named, _pattern(self.names))
        pieces = [text]  # the even ones are text, the odd ones placeholders
        for kind, find in [(_LOOKALIKE, _lookalikes), *FINDERS, ("NAME", named)]:
            pieces = [
                part
                for i, piece in enumerate(pieces)
                for part in ([piece] if i % 2 else self._cut(piece, kind, find))
            ]
        return "".join(pieces)

    def restore(self, reply: str) -> str:
        """
        Return *reply* with what its placeholders stand for.

        Case, brackets and the line may differ ("email_1", "(NAME 2)"). One that was never handed
        out becomes a neutral word.
        """
        return _PLACEHOLDER.sub(self._meaning, reply)

    def _cut(self, piece: str, kind: str, find: Finder) -> Iterator[str]:
        end = 0
        for start, stop in find(piece):
            yield piece[end:start]
            yield self._placeholder(kind, piece[start:stop])
            end = stop
        yield piece[end:]

    def _placeholder(self, kind: str, value: str) -> str:
        known = self._issued.get((kind, value))
        if known is None:
            self._counts[kind] = number = self._counts.get(kind, 0) + 1
            known = self._issued[kind, value] = f"[{kind}_{number}]"
            self.placeholders[known] = value
        return known

    def _meaning(self, match: re.Match[str]) -> str:
        kind = (match["kind"] or match["bare_kind"]).upper()
        number = match["number"] or match["bare_number"]
        if number is None and self._counts.get(kind) == 1:
            number = "1"  # "[NAME]", where there is but one
        meant = self.placeholders.get(f"[{kind}_{int(number)}]") if number else None
        return _NEUTRAL.get(kind, _ANYTHING) if meant is None else meant


def redact(text: str, names: Iterable[str] = ()) -> Redacted:
    """Return *text* with placeholders for what identifies people, *names* among it."""
    redaction = Redaction(tuple(names))
    return Redacted(redaction.redact(text), redaction.placeholders)


def _lookalikes(text: str) -> Iterator[Span]:
    return (match.span() for match in _PLACEHOLDER.finditer(text))


def _named(pattern: re.Pattern[str] | None, text: str) -> Iterator[Span]:
    return (match.span() for match in pattern.finditer(text)) if pattern else iter(())


def _pattern(names: Iterable[str]) -> re.Pattern[str] | None:
    forms = {
        unicodedata.normalize(form, " ".join(name.replace("’", "'").split()))
        for name in names
        for form in ("NFC", "NFD")
    } - {""}
    if not forms:
        return None
    longest_first = sorted(forms, key=lambda name: (-len(name), name))
    return re.compile("|".join(map(_whole, longest_first)), re.IGNORECASE)


def _whole(name: str) -> str:
    words = r"\s{1,3}".join(map(re.escape, name.split(" "))).replace("'", "['’]")
    before = r"(?<![^\W_])" if _is_spaced(name[0]) else ""
    # "Annas" is a genitive in some languages; its s stays.
    after = r"(?=s?(?![^\W_]))" if _is_spaced(name[-1]) else ""
    return before + words + after


def _is_spaced(char: str) -> bool:
    """Return whether *char* is of a script that puts spaces between words."""
    return not unicodedata.name(char, "").startswith(
        ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR")
    )
