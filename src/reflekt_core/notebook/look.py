"""
How plots look: colours that hold on white and on black, and words that can be drawn.

Nothing here changes the settings of matplotlib.
"""

import re
import textwrap
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final, Literal

from reflekt_core.notebook.extra import needing_extra

with needing_extra():
    import matplotlib as mpl
    from matplotlib import pyplot as plt
    from matplotlib.axes import Axes
    from matplotlib.colors import to_rgba
    from matplotlib.font_manager import FontProperties, findfont, get_font, get_font_names
    from matplotlib.typing import ColorType

__all__ = [
    "LESS",
    "MORE",
    "NONE",
    "Colour",
    "axes",
    "baseline",
    "empty",
    "ink",
    "rows",
    "shades",
    "titled",
    "wide",
]

Colour = tuple[float, float, float, float]

# Blue and orange: colour-blind readers tell them apart. Each stands out 3.8 to 1 or more, on white
# and on #111 alike.
MORE: Final = "#2185c9"
LESS: Final = "#d55e00"
NONE: Final = to_rgba("#808080", 0.14)
"""A place for something that is not there."""

_MIDDLE: Final = "#797979"  # the grey that stands out as much on white as on #111: 4.3 to 1
_DARK: Final = "#2b2b2b"
_LIGHT: Final = "#e4e4e4"
_FAINTEST: Final = 0.45
_LETTERS_AN_INCH: Final = 13
_BESIDE: Final = 0.6  # inches that labels beside it may take
_LINE: Final = 13  # points
_LONGEST_NAME: Final = 26
# What moves a cursor, turns the reading direction, or is no character.
_UNDRAWN: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ud800-\udfff]"
)
_OTHER_SCRIPTS: Final = (
    "Noto Sans CJK JP",
    "Hiragino Sans",
    "Yu Gothic",
    "Microsoft YaHei",
    "Arial Unicode MS",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Nirmala UI",
    "Segoe UI Symbol",
    "Noto Emoji",
)


def axes(given: Axes | None, width: float, height: float) -> Axes:
    """Return *given* axes, or new ones in a figure of so many inches that shows what is behind it."""
    if given is not None:
        return given
    figure = plt.figure(
        figsize=(width, height),
        layout="constrained",
        facecolor=_background("figure.facecolor"),
        edgecolor="none",
    )
    return figure.add_subplot(facecolor=_background("axes.facecolor"))


def _background(setting: Literal["figure.facecolor", "axes.facecolor"]) -> ColorType:
    """Return the colour that a style asks for; none, where there is no style."""
    asked: ColorType = mpl.rcParams[setting]
    return "none" if asked == mpl.rcParamsDefault[setting] else asked


def ink(ax: Axes) -> str:
    """Return the colour of words: dark on light, light on dark, or one for both if unknown."""
    red, green, blue, opacity = to_rgba(ax.figure.get_facecolor())
    if opacity < 0.5:  # noqa: PLR2004 - what is behind it is mostly seen
        return _MIDDLE
    return _DARK if 0.30 * red + 0.59 * green + 0.11 * blue > 0.5 else _LIGHT  # noqa: PLR2004


def titled(ax: Axes, title: str, said: str) -> None:
    """Put a title above *ax*, with a smaller line of what is seen; and calm everything down."""
    colour = ink(ax)
    lines = textwrap.wrap(said, max(20, int(_LETTERS_AN_INCH * (wide(ax) - _BESIDE))))
    ax.annotate(
        "\n".join(lines),
        (0, 1),
        (0, 6),
        xycoords="axes fraction",
        textcoords="offset points",
        color=colour,
        fontsize=9,
        annotation_clip=False,
    )
    pad = 9 + _LINE * len(lines)
    ax.set_title(title, loc="left", color=colour, fontsize=12, fontweight="bold", pad=pad)
    ax.tick_params(colors=colour, which="both", length=0, labelsize=9)
    for label in (ax.xaxis.label, ax.yaxis.label, ax.xaxis.get_offset_text()):
        label.set_color(colour)
        label.set_fontsize(9)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_axisbelow(True)


def baseline(ax: Axes) -> None:
    """Write what stands below *ax* on one line: letters that reach lower do not push others up."""
    ax.tick_params(axis="x", pad=_LINE)
    for label in ax.get_xticklabels():
        label.set_verticalalignment("baseline")


def empty(ax: Axes, title: str, reason: str) -> Axes:
    """Return *ax* with nothing in it but the reason why."""
    titled(ax, title, "")
    ax.set(xticks=[], yticks=[], xlabel="", ylabel="")
    ax.text(
        0.5, 0.5, reason, transform=ax.transAxes, ha="center", va="center", color=ink(ax), wrap=True
    )
    return ax


def wide(ax: Axes) -> float:
    """Return how many inches wide *ax* is about."""
    figure = ax.figure
    return float(ax.get_window_extent().width / figure.dpi)


def shades(steps: int) -> list[Colour]:
    """Return *steps* colours from faint to full: the more there is, the less of the background."""
    opacities = [1 - (1 - _FAINTEST) * step / max(1, steps - 1) for step in range(steps)]
    return [to_rgba(MORE, opacity) for opacity in reversed(opacities)]


def rows(ax: Axes, words: Iterable[str]) -> None:
    """Name the rows of *ax* by what somebody wrote: as it stands, in fonts that have its letters."""
    longest = max(8, min(_LONGEST_NAME, int(5 * wide(ax))))
    short = [_short(text, longest) for text in words]
    families = [_families(text) for text in short]
    ax.set_yticks(range(len(short)), list(map(_drawable, short, families)))
    for label, family in zip(ax.get_yticklabels(), families, strict=True):
        label.set_parse_math(False)
        label.set_fontfamily(family)


def _short(text: str, longest: int) -> str:
    clean = _UNDRAWN.sub("", " ".join(text.split()))
    return clean if len(clean) <= longest else f"{clean[: longest - 1].rstrip()}…"


def _families(text: str) -> list[str]:
    """Return the present font, and of the installed ones those that have what it lacks."""
    usual = list(mpl.rcParams["font.family"])
    lacking = {letter for letter in text if not _drawn(letter, usual)}
    if not lacking:
        return usual
    installed = set(get_font_names())
    others = [name for name in _OTHER_SCRIPTS if name in installed]
    return usual + [name for name in others if any(_drawn(one, [name]) for one in lacking)]


def _drawable(text: str, families: Sequence[str]) -> str:
    return "".join(letter if _drawn(letter, families) else "\ufffd" for letter in text)


def _drawn(letter: str, families: Sequence[str]) -> bool:
    return any(ord(letter) in _letters(findfont(FontProperties(family=[one]))) for one in families)


@cache
def _letters(path: str) -> frozenset[int]:
    return frozenset(get_font(path).get_charmap())
