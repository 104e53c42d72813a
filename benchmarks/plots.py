"""A picture for each question, drawn from results/: for docs/performance.md and the notebook.

Every function here takes axes and draws one question on them; `PLOTS` names them. Colours are of middle lightness, and
the background is left out, so that a picture is read on light pages and on dark ones.
"""

# matplotlib leaves many of its types open.
# pyright: reportUnknownMemberType=false

import io
import json
import re
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.harness import RESULTS

INK = "#7d8590"
COLOURS = {"constrained": "#3b82f6", "llguidance": "#d9822b", "xgrammar": "#2f9e6e"}
PALE = {"constrained": "#93bbfa", "llguidance": "#ecc08d", "xgrammar": "#93ceb4"}
STYLE: dict[Any, Any] = {
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "font.size": 9.5,
    "svg.fonttype": "path", "svg.hashsalt": "constrained",
}  # fmt: skip


def read(name: str) -> dict[str, dict[str, Any]]:
    """What -> its row, of one result file."""
    lines = (RESULTS / f"{name}.jsonl").read_text().splitlines()
    return {row["what"]: row for row in map(json.loads, lines[1:])}


def engines(found: dict[str, dict[str, Any]]) -> list[str]:
    """Which were measured."""
    return [engine for engine in COLOURS if f"first mask: {engine}" in found]


def _time(microseconds: float, _: object = None) -> str:
    """A time as people write it."""
    for unit, size in (("s", 1e6), ("ms", 1e3), ("µs", 1.0)):
        if microseconds >= size:
            return f"{microseconds / size:.3g} {unit}"
    return f"{microseconds:.2g} µs"


def _percentiles(axes: Axes, lines: list[tuple[str, str, str, dict[str, Any]]]) -> None:
    """Lines of (label, colour, style, row) over percentiles."""
    kinds = {"p25": "25%", "p50": "50%", "p75": "75%", "p90": "90%", "p99": "99%", "p99.9": "99.9%"}
    for label, colour, style, row in lines:
        values = [row["facts"][kind] for kind in kinds] + [row["most_us"]]
        axes.plot([*kinds.values(), "max"], values, style, color=colour, label=label, markersize=4)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(_time))
    axes.legend(fontsize=8.5)


# ---------------------------------------------------------------- beside other engines


def coverage(axes: Axes) -> None:
    """How many schemas does an engine take, and enforce to the letter?"""
    found = read("maskbench")
    names = engines(found)[::-1]
    left = [0.0] * len(names)
    for outcome, colour in (("right", COLOURS["constrained"]), ("refused", "#e0b15a"), ("wrong", "#d1495b")):
        facts = [found[f"first mask: {name}"]["facts"] for name in names]
        shares = [
            100 * one.get(outcome, 0) / sum(one.get(o, 0) for o in ("right", "refused", "wrong")) for one in facts
        ]
        bars = axes.barh(names, shares, left=left, color=colour, label=outcome)
        axes.bar_label(bars, [f"{share:.1f}%" if share > 4 else "" for share in shares], label_type="center", color="w")
        left = [a + b for a, b in zip(left, shares, strict=True)]
    axes.set_xlabel("% of the schemas")
    axes.legend(fontsize=8.5, loc="center left", bbox_to_anchor=(1, 0.5))


def first_mask(axes: Axes) -> None:
    """How long from a schema's text to the first mask?"""
    found = read("maskbench")
    _percentiles(axes, [(one, COLOURS[one], "o-", found[f"first mask: {one}"]) for one in engines(found)])


def between_masks(axes: Axes) -> None:
    """How long is a mask, and the step to the next place?"""
    found = read("maskbench")
    kinds = (("cold", COLOURS, "o-"), ("warm", PALE, "o:"))
    _percentiles(
        axes,
        [
            (f"{one}, {kind}", colours[one], style, found[f"between masks, {kind}: {one}"])
            for kind, colours, style in kinds
            for one in engines(found)
        ],
    )


def lark(axes: Axes) -> None:
    """How long is a mask of a Lark grammar?"""
    found = read("lark_masks")
    names = list(dict.fromkeys(what.partition(":")[0] for what in found))
    bars = [
        (f"{engine}, {kind}", colours[engine], f"mask and advance, {kind}, {key}")
        for kind, colours in (("cold", COLOURS), ("warm", PALE))
        for engine, key in (("constrained", "ours"), ("llguidance", "llguidance"))
    ]
    for shift, (label, colour, what) in enumerate(bars):
        values = [found[f"{name}: {what}"]["median_us"] for name in names]
        axes.bar([place + 0.2 * (shift - 1.5) for place in range(len(names))], values, 0.2, color=colour, label=label)
    axes.set_xticks(range(len(names)), names)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(_time))
    axes.legend(fontsize=8.5, loc="center left", bbox_to_anchor=(1, 0.5))


# ---------------------------------------------------------------- as the work grows


def growth(axes: Axes) -> None:
    """How do times grow with the vocabulary?"""
    found = read("vocabularies")
    tokens = sorted({row["facts"]["tokens"] for row in found.values()})
    relative = [size / tokens[0] for size in tokens]
    axes.plot(tokens, relative, ":", color=INK, label="as the vocabulary grows")
    styles = {
        "schema text to first mask": (COLOURS["xgrammar"], "first mask"),
        "mask and advance, cold": (COLOURS["constrained"], "mask, cold"),
        "mask and advance, warm": (PALE["constrained"], "mask, warm"),
    }
    for kind, (colour, label) in styles.items():
        points = sorted((row["facts"]["tokens"], row["median_us"]) for what, row in found.items() if kind in what)
        axes.plot(tokens, [time / points[0][1] for _, time in points], "o-", color=colour, label=label, markersize=4)
    axes.set_ylim(0, None)
    axes.set_xticks(tokens, [f"{size / 1000:.0f}k" for size in tokens])
    axes.set_xlabel("tokens of the vocabulary")
    axes.set_ylabel("median, relative")
    axes.legend(fontsize=8.5)


def tools(axes: Axes) -> None:
    """What do hundreds of tools in one request cost?"""
    found = read("many_tools")
    styles = {
        "request to first mask": (COLOURS["xgrammar"], "first mask, tools never seen"),
        "the same request again": (PALE["xgrammar"], "first mask, the same request again"),
        "mask and advance, cold": (COLOURS["constrained"], "mask, cold"),
        "mask and advance, warm": (PALE["constrained"], "mask, warm"),
    }
    for kind, (colour, label) in styles.items():
        points = [(row["facts"]["tools"], row["median_us"]) for what, row in found.items() if kind in what]
        axes.plot(*zip(*points, strict=True), "o-", color=colour, label=label, markersize=4)
    axes.set_xscale("log")
    axes.set_yscale("log")
    counts = sorted({row["facts"]["tools"] for row in found.values()})
    axes.set_xticks(counts, map(str, counts))
    axes.yaxis.set_major_formatter(FuncFormatter(_time))
    axes.set_xlabel("tools in the request")
    axes.legend(fontsize=8.5, loc="center left", bbox_to_anchor=(1, 0.5))


def start(axes: Axes) -> None:
    """How long until a program can ask for a mask?"""
    found = read("start")
    names = [what for what in found if "nothing" not in what]
    colours = [PALE["constrained"] if "cold" in what else COLOURS["constrained"] for what in names]
    bars = axes.barh(names, [found[what]["median_us"] for what in names], color=colours)
    axes.bar_label(bars, [f" {_time(found[what]['median_us'])}" for what in names])
    axes.xaxis.set_major_formatter(FuncFormatter(_time))
    axes.margins(x=0.12)
    axes.invert_yaxis()


PLOTS: dict[str, Callable[[Axes], None]] = {
    plot.__name__: plot for plot in (coverage, first_mask, between_masks, lark, growth, tools, start)
}


def figure(name: str) -> Figure:
    """One of PLOTS, with its question as the title."""
    with mpl.rc_context(STYLE):
        drawn = Figure(figsize=(7.6, 1.7 if name == "coverage" else 3.1), layout="constrained")
        drawn.patch.set_alpha(0)
        axes = drawn.subplots()
        axes.patch.set_alpha(0)
        PLOTS[name](axes)
        axes.set_title(question(name), loc="left", fontsize=10.5)
    return drawn


def question(name: str) -> str:
    """What a plot answers."""
    return re.sub(r"\s+", " ", (PLOTS[name].__doc__ or "").strip())


def svg(name: str) -> str:
    """A plot as a file's text."""
    written = io.StringIO()
    with mpl.rc_context(STYLE):
        figure(name).savefig(written, format="svg", metadata={"Date": None})
    return written.getvalue()
