"""
Whether a text speaks of a crisis, suicide or self-harm, and where help is.

A screen, not a judgement: it knows wordings, mostly English, and misses what is only hinted at. It
looks for the writer's own crisis, past or present, and for a person in danger now ("he wants to
kill himself"); a death that is mourned, an accident, a denial and a figure of speech ("dying of
laughter") are none. When in doubt it points to help: a pointer too many does little harm.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import attrs

from reflekt_core.errors import InvalidInput
from reflekt_core.model.crisis_language import speaks_of_crisis
from reflekt_core.model.insights import Safety, SafetyLevel

__all__ = ["DIRECTORY", "CrisisResources", "crisis_resources", "screen", "speaks_of_crisis"]

_EMERGENCY = "If you are in danger right now, please call your local emergency number."
_COMPANY = "If you can, tell someone you trust how you are."

DIRECTORY = (
    "You do not have to carry this alone. Free helplines in many countries: https://findahelpline.com",
    "Befrienders Worldwide, people who listen: https://befrienders.org",
)
"""What anybody is shown whose region is unknown."""


def _frozen(regions: Mapping[str, Iterable[str]]) -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType({region: tuple(lines) for region, lines in regions.items()})


@attrs.frozen
class CrisisResources:
    """
    Where help is: lines to show, by region (two capital letters, ISO 3166-1), else *default*.

    Raises:
        InvalidInput: A region is not two capital letters, or a region's lines are missing.
    """

    regions: Mapping[str, tuple[str, ...]] = attrs.field(converter=_frozen)
    default: tuple[str, ...] = attrs.field(default=DIRECTORY, converter=tuple)

    def __attrs_post_init__(self) -> None:
        if not self.default or not all(map(_is_region, self.regions.items())):
            raise InvalidInput.field(
                "crisis_resources",
                "must have two capital letters for a region, and its lines of text for each",
            )

    def for_region(self, region: str) -> tuple[str, ...]:
        """Return what to show in *region*, calm and short; `default` where it is not known."""
        return (_EMERGENCY, *self.regions.get(region, ()), *self.default, _COMPANY)

    def extended(self, regions: Mapping[str, Iterable[str]]) -> "CrisisResources":
        """Return these with *regions* added, in place of what they had."""
        return attrs.evolve(self, regions={**self.regions, **regions})


def _is_region(row: tuple[str, tuple[str, ...]]) -> bool:
    region, lines = row
    named = re.fullmatch("[A-Z]{2}", region)
    return bool(named and lines and all(len(line) > 1 for line in lines))


@cache
def crisis_resources() -> CrisisResources:
    """Return the helplines that come with Reflekt; `helplines.txt` says where each was read."""
    regions: dict[str, list[str]] = {}
    for line in files(__package__).joinpath("helplines.txt").read_text("utf-8").split("\n"):
        if line and not line.startswith("#"):
            region, shown, _source, _date = line.split(" | ")
            regions.setdefault(region, []).append(shown)
    return CrisisResources(regions)


def screen(text: str, *, resources: CrisisResources | None = None, region: str = "") -> Safety:
    """Return `CONCERN` with where to find help if *text* speaks of a crisis, else `NONE`."""
    if speaks_of_crisis(text):
        known = resources or crisis_resources()
        return Safety(SafetyLevel.CONCERN, known.for_region(region))
    return Safety()
