"""A grammar's map as a picture: plain SVG that needs no library, and DOT for those who have Graphviz.

    circle            a place           double circle    the text may end
    filled circle     the matcher       dashed circle    more follows that is not drawn
    box               what is read between two places: a text, some characters, a control token
    dashed box        a region: it reads these characters until something else is possible

Colours are mixed into whatever is behind, and lines have the text's colour, so a picture can be read on
light and dark pages.
"""

import json
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from unicodedata import east_asian_width

from constrained.matcher import CompiledGrammar, Matcher
from constrained.notebook.layout import Layout, Point, Route, Size, arrange
from constrained.notebook.places import PLACES, Map, Place, Way, explore

LETTER, LINE = 7.3, 22.0  # pixels: a letter's width, a box's height
LONGEST = 30  # letters of a label that are shown
MARGIN = 14.0
FIRST = 12  # places of a grammar that is too large
DOT, RING = 5.0, 9.0  # radii: of a place, of one where the text may end

_TINTS = {
    "text": "rgba(128,128,128,.16)",
    "texts": "rgba(128,128,128,.16)",
    "characters": "rgba(59,130,246,.20)",
    "control": "rgba(168,85,247,.22)",
}
_REGION = "rgba(59,130,246,.10)"
_CURRENT = "#e8590c"


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture of a grammar; a notebook shows it by itself. `svg` and `dot` are its texts."""

    map: Map
    title: str

    @property
    def svg(self) -> str:
        """The picture as an SVG element."""
        return _Svg(self.map, self.title).text()

    @property
    def dot(self) -> str:
        """The map in Graphviz's language."""
        return _dot(self.map)

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        return f'<div style="overflow-x:auto">{self.svg}</div>'


def draw(subject: CompiledGrammar | Matcher, *, most: int | None = None) -> Drawing:
    """Draw a grammar, or a grammar with the place where a matcher is; at most `most` places of it.

    A grammar that has no end, or is too large to look at, is drawn as far as its first few places.
    """
    grammar, state = (subject.grammar, subject.state) if isinstance(subject, Matcher) else (subject, None)
    title = "The grammar, character by character" if state is None else "The matcher's place in its grammar"
    found = explore(grammar, state, most=most or PLACES)
    if not found.is_complete and most is None:
        found = explore(grammar, state, most=FIRST)
    return Drawing(found, title)


# ---------------------------------------------------------------- SVG


class _Svg:
    """Places and labels are boxes of one graph, so labels never lie on each other."""

    def __init__(self, drawn: Map, title: str) -> None:
        self._map = drawn
        self._title = title
        sizes = [*map(_size_of_place, drawn.places), *(_size_of_label(way.label) for way in drawn.ways)]
        count = len(drawn.places)
        edges = [
            edge
            for number, way in enumerate(drawn.ways)
            for edge in ((way.source, count + number), (count + number, way.target))
        ]
        self._layout: Layout = arrange(sizes, edges)

    def text(self) -> str:
        """The whole element."""
        size = self._layout.size
        loops = 26 if any(route.back for route in self._layout.routes) else 0  # room for the arcs on top
        width, height = size.width + 2 * MARGIN + 16, size.height + 2 * MARGIN + loops
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="{-MARGIN - 16:.0f} {-MARGIN - loops:.0f} {width:.0f} {height:.0f}" fill="none" '
            'stroke="currentColor" stroke-width="1.3" style="max-width:none" '
            'font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,monospace" font-size="12">',
            f"<title>{escape(self._title)}</title>",
            *(self._edge(route) for route in self._layout.routes),
            *(self._place(number, place) for number, place in enumerate(self._map.places)),
            *(self._label(number, way) for number, way in enumerate(self._map.ways)),
            "</svg>",
        ]
        return "\n".join(parts)

    def _edge(self, route: Route) -> str:
        points = self._arc(route) if route.back else route.points
        path = f"M{_at(points[0])}"
        for number, ((x, y), (to_x, to_y)) in enumerate(pairwise(points)):
            if route.back and number in (0, len(points) - 2):
                bend = (x, to_y) if number == 0 else (to_x, y)
                path += f"Q{_at(bend)} {_at((to_x, to_y))}"
            else:
                middle = (x + to_x) / 2
                path += f"C{_at((middle, y))} {_at((middle, to_y))} {_at((to_x, to_y))}"
        arrow = self._arrow(route, points) if route.target < len(self._map.places) else ""
        return f'<path d="{path}" stroke-opacity=".55"/>{arrow}'

    def _arc(self, route: Route) -> tuple[Point, ...]:
        """An edge that leads back leaves a place, and reaches one, at its top."""
        points, places = list(route.points), len(self._map.places)
        for end, number in ((0, route.source), (-1, route.target)):
            if number < places:
                x, y = self._layout.centres[number]
                points[end] = (x, y - _size_of_place(self._map.places[number]).height / 2)
        if len(points) == 2:  # to the next column: over the top
            points.insert(1, ((points[0][0] + points[1][0]) / 2, min(points[0][1], points[1][1]) - 16))
        return tuple(points)

    def _arrow(self, route: Route, points: tuple[Point, ...]) -> str:
        x, y = points[-1]
        tip = [(x - 6, y - 3.5), (x, y), (x - 6, y + 3.5)]
        if route.back:
            tip = [(x - 3.5, y - 6), (x, y), (x + 3.5, y - 6)]
        return f'<polygon points="{" ".join(map(_at, tip))}" fill="currentColor" stroke="none" fill-opacity=".7"/>'

    def _place(self, number: int, place: Place) -> str:
        x, y = self._layout.centres[number]
        start = f'<path d="M{x - 26:.1f} {y:.1f}h15" stroke-width="2"/>' if number == 0 else ""
        fill = _CURRENT if place.current else "none"
        if place.reads:
            tint = _REGION if not place.current else "rgba(232,89,12,.25)"
            ends = ' stroke-width="2.4"' if place.ends else ""
            size = _size_of_place(place)
            return start + _box(x, y, size, tint, _inside(place), f'stroke-dasharray="4 3"{ends}')
        dashes = ' stroke-dasharray="2 2"' if place.open else ""
        ring = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{RING}"{dashes}/>' if place.ends or place.open else ""
        return f'{start}{ring}<circle cx="{x:.1f}" cy="{y:.1f}" r="{DOT}" fill="{fill}"{dashes}/>'

    def _label(self, number: int, way: Way) -> str:
        x, y = self._layout.centres[len(self._map.places) + number]
        return _box(x, y, _size_of_label(way.label), _TINTS[way.kind], way.label, 'stroke-opacity=".35"')


def _box(x: float, y: float, size: Size, tint: str, label: str, border: str) -> str:
    shown = _cut(label)
    whole = f"<title>{escape(label)}</title>" if shown != label else ""
    return (
        f'<g>{whole}<rect x="{x - size.width / 2:.1f}" y="{y - size.height / 2:.1f}" width="{size.width:.1f}" '
        f'height="{size.height:.1f}" rx="6" fill="{tint}" {border}/>'
        f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle" fill="currentColor" stroke="none">'
        f"{escape(shown)}</text></g>"
    )


def _inside(place: Place) -> str:
    """A region's label: what it reads, again and again, and perhaps more."""
    return f"{place.reads} … ?" if place.open else f"{place.reads} …"


def _cut(label: str) -> str:
    return label if len(label) <= LONGEST else label[: LONGEST - 1] + "…"


def _size_of_label(label: str) -> Size:
    letters = sum(2 if east_asian_width(one) in "WF" else 1 for one in _cut(label))
    return Size(letters * LETTER + 14, LINE)


def _size_of_place(place: Place) -> Size:
    if place.reads:
        return _size_of_label(_inside(place))
    radius = RING if place.ends or place.open else DOT
    return Size(2 * radius, 2 * radius)


def _at(point: Point) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}"


# ---------------------------------------------------------------- DOT


def _dot(drawn: Map) -> str:
    lines = ["digraph grammar {", "  rankdir=LR;"]
    for number, place in enumerate(drawn.places):
        shape = "box" if place.reads else "doublecircle" if place.ends else "circle"
        style = ', style="dashed"' if place.open else ', style="filled"' if place.current else ""
        lines.append(f"  {number} [shape={shape}, label={json.dumps(place.reads, ensure_ascii=False)}{style}];")
    ways = [
        f"  {way.source} -> {way.target} [label={json.dumps(way.label, ensure_ascii=False)}];" for way in drawn.ways
    ]
    return "\n".join([*lines, *ways, "}", ""])
