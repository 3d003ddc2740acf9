"""How long answers took, as a picture (SVG) and as lines for a terminal."""

import itertools
import math
from collections.abc import Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import attrs

from reflekt_chalice.deployment.load import Result

__all__ = ["Bin", "bins", "picture", "seconds", "text"]

_MOST_BINS: Final = 40
_STEPS_PER_DECADE: Final = 10
_BAR: Final = 40

_WIDTH, _HEIGHT = 900, 480
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 28, 122, 62
_FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_INK, _GREY, _RULE, _FILL = "#1f2933", "#5f6c7b", "#e3e8ee", "#2a9d8f"
_MARKS: Final = ((50, "p50", "#264653"), (90, "p90", "#e09f3e"), (99, "p99", "#c1453b"))
_GRID_LINES: Final = 4
_ROW, _LABEL = 14, 90


@attrs.frozen
class Bin:
    """How many answers took from *low* to less than *high* seconds."""

    low: float
    high: float
    count: int


def bins(times: Sequence[float]) -> tuple[Bin, ...]:
    """
    Return *times* (in seconds) in bins that grow by the same ratio; none, if there are no times.

    Answers differ by ratios, not by milliseconds: so a few slow ones and many fast ones can both be
    seen.
    """
    if not times:
        return ()
    fastest, slowest = max(min(times), 1e-6), max(*times, 1e-6)
    steps = _STEPS_PER_DECADE
    while True:
        first = math.floor(math.log10(fastest) * steps)
        last = math.floor(math.log10(slowest) * steps)
        if last - first < _MOST_BINS:
            break
        steps -= 1
    counts = [0] * (last - first + 1)
    for time in times:
        place = math.floor(math.log10(max(time, 1e-6)) * steps) - first
        counts[min(max(place, 0), last - first)] += 1
    edges = [10 ** (n / steps) for n in range(first, last + 2)]
    return tuple(
        Bin(low, high, count) for low, high, count in zip(edges, edges[1:], counts, strict=False)
    )


def seconds(value: float | None) -> str:
    """Return a time for people, such as ``42 ms``."""
    if value is None:
        return "–"
    if value >= 1:
        return f"{value:.2f} s"
    return f"{value * 1000:.3g} ms" if value < 0.1 else f"{value * 1000:.0f} ms"  # noqa: PLR2004


def text(result: Result) -> tuple[str, ...]:
    """Return a line for each bin."""
    found = bins(result.good)
    most = max((one.count for one in found), default=0)
    return tuple(
        f"{seconds(one.low):>8} to {seconds(one.high):>8}  {one.count:>7}  "
        + "█" * math.ceil(one.count * _BAR / most)
        for one in found
    )


def picture(result: Result, title: str) -> bytes:
    """Return the histogram as an SVG that needs nothing else to be shown."""
    svg = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {_WIDTH} {_HEIGHT}",
            "width": str(_WIDTH),
            "height": str(_HEIGHT),
            "role": "img",
            "font-family": _FONT,
        },
    )
    SubElement(svg, "title").text = title
    SubElement(svg, "rect", {"width": "100%", "height": "100%", "fill": "#ffffff"})
    _write(svg, _LEFT, 36, title, size=20, weight="600")
    _write(svg, _LEFT, 60, _summary(result), size=13, fill=_GREY)
    found = bins(result.good)
    if found:
        _axes(svg, found)
        _bars(svg, found)
        _percentiles(svg, found, result)
    else:
        _write(svg, _WIDTH / 2, _HEIGHT / 2, "There was no good answer.", anchor="middle")
    indent(svg)
    drawn: bytes = tostring(svg, encoding="utf-8", xml_declaration=True)
    return drawn + b"\n"


def _summary(result: Result) -> str:
    failed = len(result.samples) - len(result.good)
    return (
        f"{len(result.samples)} requests, {result.concurrency} at once, in {result.seconds:.1f} s: "
        f"{result.throughput:.1f} good answers a second; {failed} failed ({result.failed_share:.1%})"
    )


def _write(  # noqa: PLR0913 - what a text looks like
    parent: Element,
    x: float,
    y: float,
    words: str,
    *,
    size: int = 12,
    fill: str = _INK,
    anchor: str = "start",
    weight: str = "400",
) -> None:
    told = {"x": f"{x:.1f}", "y": f"{y:.1f}", "font-size": str(size), "fill": fill}
    told |= {"text-anchor": anchor, "font-weight": weight}
    SubElement(parent, "text", told).text = words


def _x(value: float, found: Sequence[Bin]) -> float:
    """Return where a time is, on a scale of ratios."""
    low, high = math.log(found[0].low), math.log(found[-1].high)
    share = (math.log(max(value, 1e-9)) - low) / (high - low)
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _y(count: float, most: int) -> float:
    return _HEIGHT - _BOTTOM - count / most * (_HEIGHT - _TOP - _BOTTOM)


def _scale(found: Sequence[Bin]) -> int:
    """Return the end of the scale of counts: one, two or five times a power of ten, and by four."""
    most = max(one.count for one in found)
    scale = _GRID_LINES
    for factor in itertools.cycle((2, 2.5, 2)):
        if scale >= most:
            break
        scale = int(scale * factor)
    return scale


def _axes(svg: Element, found: Sequence[Bin]) -> None:
    most = _scale(found)
    for count in range(0, most + 1, most // _GRID_LINES):
        y = _y(count, most)
        _line(svg, _LEFT, y, _WIDTH - _RIGHT, y, stroke=_RULE)
        _write(svg, _LEFT - 10, y + 4, str(count), fill=_GREY, anchor="end")
    base = _HEIGHT - _BOTTOM
    for value in _ticks(found):
        x = _x(value, found)
        _line(svg, x, base, x, base + 5, stroke=_GREY)
        _write(svg, x, base + 21, seconds(value), fill=_GREY, anchor="middle")
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    _write(svg, middle, _HEIGHT - 16, "time until the answer", fill=_GREY, anchor="middle")


def _ticks(found: Sequence[Bin]) -> list[float]:
    """Return round times within the scale: 1, 2 and 5 of each power of ten."""
    low, high = found[0].low, found[-1].high
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [base * 10.0**power for power in decades for base in (1, 2, 5)]
    return [tick for tick in ticks if low <= tick <= high * 1.0001]


def _line(svg: Element, x1: float, y1: float, x2: float, y2: float, **look: str) -> None:
    at = {"x1": f"{x1:.1f}", "y1": f"{y1:.1f}", "x2": f"{x2:.1f}", "y2": f"{y2:.1f}"}
    SubElement(svg, "line", at | {name.replace("_", "-"): value for name, value in look.items()})


def _bars(svg: Element, found: Sequence[Bin]) -> None:
    most = _scale(found)
    for one in (one for one in found if one.count):
        left, right, top = _x(one.low, found), _x(one.high, found), _y(one.count, most)
        bar = SubElement(
            svg,
            "rect",
            {
                "x": f"{left + 1:.1f}",
                "y": f"{top:.1f}",
                "width": f"{max(right - left - 2, 1):.1f}",
                "height": f"{_HEIGHT - _BOTTOM - top:.1f}",
                "fill": _FILL,
                "rx": "2",
            },
        )
        SubElement(
            bar, "title"
        ).text = f"{seconds(one.low)} to {seconds(one.high)}: {one.count} answers"


def _percentiles(svg: Element, found: Sequence[Bin], result: Result) -> None:
    """Draw a line for each percentile, and its name above it, each on a line of its own."""
    for row, (percent, name, color) in enumerate(_MARKS):
        value = result.percentile(percent)
        if value is None:
            continue
        x, y = _x(value, found), _TOP - 6 - _ROW * (len(_MARKS) - 1 - row)
        dashed = {"stroke": color, "stroke_width": "1.5", "stroke_dasharray": "4 3"}
        _line(svg, x, y - 10, x, _HEIGHT - _BOTTOM, **dashed)
        at_end = x > _WIDTH - _RIGHT - _LABEL
        anchor, place = ("end", x - 5) if at_end else ("start", x + 5)
        said = f"{name} {seconds(value)}"
        _write(svg, place, y, said, fill=color, anchor=anchor, weight="600")
