"""
What of a text is words: not where its links and pictures lead.

Texts are often Markdown, or come from programs that name photos in them. Those addresses are kept and
found as they stand, but they are nothing that somebody said.
"""

import re
from collections.abc import Mapping
from typing import Final

__all__ = ["prose"]

# Each of these takes time in proportion to the text, whatever that is: nothing is looked at anew
# for every place where it might have begun.
_WIKI: Final = re.compile(r"(!?)\[\[([^\[\]\n]*)\]\](?!\()")
_SIGN: Final = re.compile(r"\\.|!?\[|\]")
_OPENING: Final = frozenset({"[", "!["})
# What may stand in the brackets around a target: no space, but in <> and before a title.
_IN_TARGET: Final = re.compile(
    r"""\\[^\s]|<[^<>\n]*>|[ \t]"[^"\n]*"(?=\))|[ \t]'[^'\n]*'(?=\))|[()\s]"""
)
_ADDRESS: Final = re.compile(
    r"<?(?:[A-Za-z][A-Za-z0-9+-]{1,30}://|dayone-moment:)(?:[^\s<>\[\]()]|\([^\s<>\[\]()]*+\))*+>?"
)
_FILE: Final = re.compile(r"\s*|\S+\.\w{2,5}")
_ENDS: Final = ".,;:!?…'\"”’»*_"
"""What follows an address rather than being its end."""


def prose(text: str) -> str:
    """
    Return the words of *text*: links without their targets, and no pictures.

    What a link shows stays, and so does what describes a picture, unless that is the name of a file.
    """
    if "[" in text:
        text = _WIKI.sub(_shown, text)
        if "](" in text:
            text = _without_targets(text)
    if "://" in text or "dayone-moment:" in text:
        text = _ADDRESS.sub(_what_follows, text)
    return text


def _shown(link: re.Match[str]) -> str:
    """Return what a link of Obsidian shows: the note that it names, unless it says otherwise."""
    is_picture, said = link.groups()
    return " " if is_picture else said.rpartition("|")[2]


def _what_follows(address: re.Match[str]) -> str:
    found = address[0]
    return found[len(found.rstrip(_ENDS)) :]


def _without_targets(text: str) -> str:
    ends = _targets(text)
    kept: list[str] = []
    opened: list[int] = []
    at = 0
    for sign in _SIGN.finditer(text):
        if sign.start() < at:
            continue  # in a target
        if sign[0] in _OPENING:
            kept += [text[at : sign.start()], sign[0]]
            opened.append(len(kept) - 1)
            at = sign.end()
        elif sign[0] == "]" and opened:
            begin = opened.pop()
            if end := ends.get(sign.end()):
                kept.append(text[at : sign.start()])
                if kept[begin] == "![" and len(kept) == begin + 2 and _FILE.fullmatch(kept[-1]):
                    kept[-1] = " "
                kept[begin] = ""
                at = end
    return "".join([*kept, text[at:]])


def _targets(text: str) -> Mapping[int, int]:
    """Return where brackets that could be around a target begin, each with where they end."""
    ends: dict[int, int] = {}
    at = text.find("](")
    while at >= 0:
        at += 1
        opened: list[int] = []
        for sign in _IN_TARGET.finditer(text, at):
            at = sign.end()
            if sign[0] == "(":
                opened.append(sign.start())
            elif sign[0] == ")":
                ends[opened.pop()] = at
            elif sign[0].isspace():
                opened.clear()
            if not opened:
                break
        # What stands in these brackets was seen with them.
        at = text.find("](", at)
    return ends
