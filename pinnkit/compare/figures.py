"""The curves of a report, as SVG pictures that take the colours of the page they stand in."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .statistics import SMALLEST
from .study import TITLES, Contest, Group, trace

COLOURS = ("#3b82c4", "#d9822b", "#2a9d6f", "#c6538c", "#8a6fd1", "#a8862d", "#29a3b3", "#d1524f", "#7b8794")
"""Told apart on white and on near black, and mostly by people who see fewer colours."""
STYLES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)))
INK = "#010203"
"""Stands for the colour of the page's text."""
SAMPLES = 160
ALIKE = 1.25
"""Numbers of parameters within this ratio count as the same. (Our choice.)"""


@dataclass(frozen=True)
class Figure:
    """A picture.

    Attributes:
        svg: the picture itself, an ``<svg>`` element; empty where there is none.
        png: its bytes in base 64, where it is no SVG.
        alt: what it shows, for those who do not see it.
        caption: below it.
    """

    alt: str
    caption: str
    svg: str = ""
    png: str = ""


class Style:
    """Colours by space and dashes by method, the same in all figures of a problem."""

    def __init__(self, contest: Contest) -> None:
        """Give each space a colour and each method a kind of line."""
        self.spaces, self.methods = (sorted({getattr(g, part) for g in contest.groups}) for part in ("space", "method"))

    def __call__(self, group: Group) -> dict[str, Any]:
        """Give matplotlib's keywords for the lines of a group."""
        colour = COLOURS[self.spaces.index(group.space) % len(COLOURS)]
        return {"color": colour, "linestyle": STYLES[self.methods.index(group.method) % len(STYLES)]}


def draw(name: str, paint: Callable[[Any], None], curves: int) -> str:
    """Draw one pair of axes with a legend below.

    Args:
        name: of the figure, unlike those of all others on the page.
        paint: draws onto the axes it is given.
        curves: how many entries the legend has.

    Returns:
        An ``<svg>`` element whose ink is ``currentColor``.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure as Canvas
    from matplotlib.ticker import LogLocator, NullFormatter

    settings: dict[Any, Any] = {
        "svg.fonttype": "none", "svg.hashsalt": name, "text.parse_math": False, "axes.formatter.use_mathtext": False,
        "font.family": "sans-serif", "font.size": 9.5, "text.color": INK, "axes.edgecolor": INK, "axes.labelcolor": INK,
        "xtick.color": INK, "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False,
    }  # fmt: skip
    with rc_context(settings):
        figure = Canvas(figsize=(4.9, 3.2 + 0.19 * math.ceil(curves / 2)), layout="constrained")
        axes = figure.subplots()
        paint(axes)
        for axis in (axes.xaxis, axes.yaxis):
            if axis.get_scale() == "log":
                low, high = axis.get_view_interval()
                # Less than two decades may hold no power of ten.
                axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
                axis.set_major_formatter(_short)
                axis.set_minor_formatter(NullFormatter())
        axes.grid(alpha=0.18, color=INK, linewidth=0.6)
        handles, labels = axes.get_legend_handles_labels()
        if curves:
            figure.legend(handles, labels, loc="outside lower center", ncols=min(2, curves), frameon=False, fontsize=9)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _inlined(buffer.getvalue(), name)


def _short(value: float, position: object) -> str:
    """Write 0.02, 500 and 2e-5."""
    exponent = math.floor(math.log10(value) + 1e-9) if value > 0 else 0
    return f"{value:g}" if -3 <= exponent <= 3 else f"{value / 10.0**exponent:.0f}e{exponent}"


def _inlined(svg: str, name: str) -> str:
    """Make an SVG file part of a page: no header, no names that other figures have, ink that follows the page."""
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    for size in ("width", "height"):
        svg = re.sub(rf'(<svg\b[^>]*?) {size}="[^"]*"', r"\1", svg, count=1)
    # Groups have names that nobody refers to, the same in every figure.
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(url\(|href=")#', rf"\1#{name}-", svg)
    return svg.replace(INK, "currentColor").strip()


def error_against_time(contest: Contest, entry: str, name: str) -> Figure | None:
    """Draw the median error over time with its quartiles.

    Args:
        contest: the groups of a problem.
        entry: "estimated_error" or "relative_l2".
        name: of the figure.

    Returns:
        The figure; None where no run knows this error.
    """
    style, groups = Style(contest), [g for g in contest.groups if any(trace(r, entry)[0] for r in g.records)]
    if not groups:
        return None

    ends_only = not any(len(trace(r, entry)[0]) > 1 for group in groups for r in group.records)

    def paint(axes: Any) -> None:
        for group in groups:
            lines = [trace(record, entry) for record in group.records]
            if ends_only:
                ends = [(times[-1], max(errors[-1], SMALLEST)) for times, errors in lines if times]
                colour = style(group)["color"]
                axes.plot(*zip(*ends, strict=True), "o", ms=5, alpha=0.75, label=contest.label(group), color=colour)
                continue
            times = _times(lines)
            courses = np.array([_course(line, times) for line in lines])
            middle, low, high = (_quantile(courses, q) for q in (0.5, 0.25, 0.75))
            look = style(group)
            axes.plot(times, middle, label=contest.label(group), lw=1.6, **look)
            axes.plot(times[-1:], middle[-1:], "o", ms=4, color=look["color"])
            axes.fill_between(times, low, high, color=look["color"], alpha=0.16, linewidth=0)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("time, s")
        axes.set_ylabel(TITLES[entry])

    kind = TITLES[entry]
    svg = draw(name, paint, len(groups))
    alt = f"Curves of the {kind} against time on {contest.problem}: {_ends(contest, entry)}."
    shown = "the end of each run" if ends_only else "median and quartiles over the seeds"
    caption = f"{kind[0].upper()}{kind[1:]} against time: {shown}."
    return Figure(alt, caption, svg)


def _times(lines: Sequence[tuple[list[float], list[float]]]) -> np.ndarray:
    known = [time for times, _ in lines for time in times if time > 0]
    low, high = (min(known), max(known)) if known else (1.0, 1.0)
    return np.geomspace(low, high, SAMPLES) if high > low else np.array([low])


def _course(line: tuple[list[float], list[float]], times: np.ndarray) -> np.ndarray:
    """Give the last error known at each time; infinite before the first one."""
    # Rounding must not put the end of the grid in front of the last record.
    at = np.searchsorted(np.array(line[0]), times * (1 + 1e-9), side="right")
    return np.concatenate([[np.inf], line[1]])[at]


def _quantile(courses: np.ndarray, q: float) -> np.ndarray:
    """Give quantiles over runs, one that has been observed; NaN, which is not drawn, where it is infinite."""
    found = np.quantile(courses, q, axis=0, method="inverted_cdf")
    return np.where(np.isfinite(found) & (found > 0), found, np.nan)


def _ends(contest: Contest, entry: str) -> str:
    from .tables import number

    found = [(contest.label(g), g.spreads[entry].median) for g in contest.groups if entry in g.spreads]
    return ", ".join(f"{label} ends at {number(value)}" for label, value in found)


def error_against_parameters(contest: Contest, name: str) -> Figure | None:
    """Draw the median error against the number of parameters, a line for each space and method.

    Args:
        contest: the groups of a problem.
        name: of the figure.

    Returns:
        The figure; None where there is no error to show, or all numbers of parameters are alike.
    """
    style = Style(contest)
    known = [g for g in contest.groups if contest.measure in g.spreads and "parameters" in g.spreads]
    known = [g for g in known if math.isfinite(g.median) and g.median > 0]
    families: dict[str, list[Group]] = {}
    for group in known:
        families.setdefault(_family(contest, group), []).append(group)
    counts = [group.spreads["parameters"].median for group in known]
    if not counts or max(counts) <= ALIKE * min(counts):
        return None

    uppers = [group.spreads[contest.measure].upper for group in known]
    endless = not all(map(math.isfinite, uppers))
    # Bars without an end leave the figure at its upper edge.
    top = 4 * max([group.median for group in known] + [upper for upper in uppers if math.isfinite(upper)])

    def paint(axes: Any) -> None:
        for label, groups in families.items():
            groups = sorted(groups, key=lambda group: group.spreads["parameters"].median)
            x = [group.spreads["parameters"].median for group in groups]
            main = [group.spreads[contest.measure] for group in groups]
            far = [[s.median - s.lower for s in main], [min(s.upper, top) - s.median for s in main]]
            look = {"marker": "o", "ms": 4, "lw": 1.4, "capsize": 2, **style(groups[0])}
            axes.errorbar(x, [s.median for s in main], far, label=label, **look)
        axes.set_xscale("log")
        axes.set_yscale("log")
        if endless:
            axes.set_ylim(top=top)
        axes.set_xlabel("parameters")
        axes.set_ylabel(TITLES[contest.measure])

    kind = TITLES[contest.measure]
    alt = f"The median {kind} against the number of parameters on {contest.problem}, as in the table."
    more = "; bars that leave the figure end in failures" * endless
    return Figure(alt, f"Error against parameters: medians and quartiles{more}.", draw(name, paint, len(families)))


def _family(contest: Contest, group: Group) -> str:
    """Name space and method without their options, which set the number of parameters."""
    space, method = (name.partition(" (")[0] for name in (group.space, group.method))
    return space if len({g.method.partition(" (")[0] for g in contest.groups}) == 1 else f"{space} by {method}"


def picture(group: Group) -> Figure | None:
    """Take the picture of the solution and its error that the run in the middle has drawn.

    Args:
        group: the runs.

    Returns:
        The picture; None where there is none.
    """
    import base64

    record = group.typical
    if record is None or not (record.folder / "solution.png").is_file():
        return None
    alt = f"The solution of {group.problem} in the space {group.space} by {group.method}, and its error"
    png = base64.b64encode((record.folder / "solution.png").read_bytes()).decode()
    return Figure(alt, f"{group.name}, seed {record.seed}, the median one", png=png)
