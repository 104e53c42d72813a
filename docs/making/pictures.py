"""Draw the pictures of the pages anew: `python docs/making/pictures.py`. They are kept beside the pages, as SVG.

As a file a picture cannot take the page's colour, so it brings one for light and one for dark.
"""

from pathlib import Path

from constrained import Vocabulary
from constrained.notebook import draw
from grammars import compile_choice, compile_json_schema, compile_regex

PLACE = Path(__file__).parents[1] / "pictures"
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
    return {f"{name}.svg": drawing.svg.replace("<title>", COLOURS + "<title>", 1) for name, drawing in drawings.items()}


if __name__ == "__main__":
    PLACE.mkdir(exist_ok=True)
    for name, text in pictures().items():
        (PLACE / name).write_text(text)
