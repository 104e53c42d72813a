"""Draw the pictures of the pages anew: `python docs/making/pictures.py`. They are kept beside the pages, as SVG.

As a file a picture cannot take the page's colour, so it brings one for light and one for dark.
"""

import json
from pathlib import Path
from typing import Any

from constrained import Vocabulary
from constrained.notebook import draw
from grammars import compile_choice, compile_json_schema, compile_regex

PLACE = Path(__file__).parents[1] / "pictures"
RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
COLOURS = "<style>svg{color:#24292f}@media(prefers-color-scheme:dark){svg{color:#d5dbe3}}</style>"

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 40}, "unit": {"enum": ["celsius", "fahrenheit"]}},
    "required": ["city"],
}


def pictures() -> dict[str, str]:
    """File name -> its text."""
    letters = Vocabulary.from_spellings([*(bytes([b]) for b in range(256)), None], eos_token_ids=[256])
    weather = compile_json_schema(WEATHER, letters)
    matcher = weather.matcher()
    for byte in b'{"city": "Par':
        matcher.advance(byte)
    drawings = {
        "regex": draw(compile_regex("yes|no+", letters)),
        "choice": draw(compile_choice(["Africa", "Asia", "Europe"], letters)),
        "schema": draw(weather),
        "matcher": draw(matcher),
    }
    svg = {name: drawing.svg.replace("<title>", COLOURS + "<title>", 1) for name, drawing in drawings.items()}
    svg["sharding_latency"] = sharding_latency()
    return {f"{name}.svg": text for name, text in svg.items()}


# ---------------------------------------------------------------- a call against the delay of the network

LEFT, TOP, WIDE, HIGH = 60, 20, 420, 200  # of the plot's field, in pixels
MOST_MS, MOST_SECONDS = 20, 5


def sharding_latency() -> str:
    """Two ranks of a pipeline: what was measured as dots, what the cost model says as lines."""
    lines = (RESULTS / "sharding_latency.jsonl").read_text().splitlines()[1:]
    facts = [json.loads(line)["facts"] for line in lines]
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDE + 130} {TOP + HIGH + 50}" role="img">']
    parts += [f"<title>Seconds for a call against milliseconds for a way of the network</title>{COLOURS}", *_axes()]
    for fast_forward, colour, name in ((False, "#c2410c", "masks only"), (True, "#0f766e", "fast-forward")):
        chosen = [one for one in facts if (one["ranks"], one["fast_forward"]) == (2, fast_forward)]
        model = [_point(one["way_ms"], one["predicted_us"] / 1e6) for one in chosen]
        parts.append(f'<polyline points="{" ".join(model)}" fill="none" stroke="{colour}" stroke-dasharray="4 3"/>')
        for one in chosen:
            x, y = _point(one["way_ms"], one["seconds"] / one["calls"]).split(",")
            parts.append(f'<circle cx="{x}" cy="{y}" r="4" fill="{colour}"/>')
        x, y = model[-1].split(",")
        parts.append(f'<text x="{float(x) + 8:.1f}" y="{y}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _point(way_ms: float, seconds: float) -> str:
    return f"{LEFT + WIDE * way_ms / MOST_MS:.1f},{TOP + HIGH * (1 - seconds / MOST_SECONDS):.1f}"


def _axes() -> list[str]:
    ticks: list[Any] = []
    for seconds in range(MOST_SECONDS + 1):
        y = TOP + HIGH * (1 - seconds / MOST_SECONDS)
        ticks.append(f'<path d="M{LEFT} {y:.1f}h{WIDE}" stroke="currentColor" stroke-opacity="0.2"/>')
        ticks.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="currentColor">{seconds} s</text>')
    for way_ms in (0, 1, 5, 10, 20):
        x = LEFT + WIDE * way_ms / MOST_MS
        height = TOP + HIGH + 18
        ticks.append(f'<text x="{x:.1f}" y="{height}" text-anchor="middle" fill="currentColor">{way_ms}</text>')
    label = "milliseconds for one way of the network"
    ticks.append(f'<text x="{LEFT}" y="{TOP + HIGH + 40}" fill="currentColor">{label}</text>')
    return ['<g font-family="sans-serif" font-size="13">', *ticks, "</g>"]


if __name__ == "__main__":
    PLACE.mkdir(exist_ok=True)
    for name, text in pictures().items():
        (PLACE / name).write_text(text)
