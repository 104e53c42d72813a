"""What notebooks are given: sound HTML without scripts, and the numbers that the engine says."""

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from IPython.core.interactiveshell import InteractiveShell

from constrained import GrammarError, Vocabulary
from constrained.notebook import draw, register, report, tokens
from constrained.notebook.engine import allowed_tokens, grammar_html, matcher_html
from constrained.notebook.report import error_html
from constrained.observation import Alternative, Observation
from constrained.runtime.generated import GeneratedToken, Generation
from grammars import compile_choice, compile_json_schema, compile_regex
from tests.runtime import tiny

LETTERS = Vocabulary.from_spellings([*(bytes([b]) for b in range(256)), None], eos_token_ids=[256])
HOSTILE = "<script>alert('&\"')</script>"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "title": "City"}, "a/b": {"enum": [HOSTILE, "two"]}, "no": False},
    "required": ["city", "a/b"],
}
VOID = {"br", "meta", "path", "circle", "rect", "polygon"}


class Checked(HTMLParser):
    """Reads HTML whose elements must all be closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        assert not any(name.startswith("on") or (name in ("src", "href") and value) for name, value in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


def read(html: str) -> str:
    """The visible text of sound HTML that needs nothing from anywhere."""
    found = Checked(html)
    assert not found.seen & {"script", "link", "img", "iframe"}
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", html)
    return found.text


def test_a_grammar_shows_its_picture_shortest_text_and_report():
    grammar = compile_json_schema(SCHEMA, LETTERS)
    shown = read(grammar_html(grammar))
    assert f"first token: 1 of {LETTERS.size} allowed" in shown
    assert grammar.matcher().shortest_completion().decode() in shown
    assert "annotation" in shown
    assert "unreachable" not in shown
    assert '{"city":␣"' in shown


@pytest.mark.parametrize("text", [b"", b'{"city": "Par', b'{"city": "", "a/b": "two"}'])
def test_a_matcher_shows_what_may_come_next(text):
    matcher = compile_json_schema(SCHEMA, LETTERS).matcher()
    for byte in text:
        matcher.advance(byte)
    assert allowed_tokens(matcher) == [token for token in range(LETTERS.size) if matcher.allows(token)]
    shown = read(matcher_html(matcher))
    assert f"next token: {len(allowed_tokens(matcher))} of 257 allowed" in shown
    assert ("may end here" in shown) == matcher.is_accepting
    matcher = compile_regex("x", LETTERS).matcher()
    for token in (ord("x"), 256):
        matcher.advance(token)
    assert "finished" in read(matcher_html(matcher))


def test_a_report_is_a_tree_of_the_schemas_places():
    shown = read(report(compile_json_schema(SCHEMA, LETTERS).report)._repr_html_())
    assert re.search(r"properties.*city.*title\s*annotation.*a/b.*enum\s*enforced", shown, re.DOTALL)


def test_a_refusal_says_what_where_and_why():
    with pytest.raises(GrammarError) as refused:
        compile_json_schema({"properties": {"<b>": {"$ref": "urn:example:a"}}}, LETTERS)
    shown = read(error_html(refused.value))
    assert refused.value.where in shown
    assert refused.value.message in shown
    assert type(refused.value).__name__ in shown


@pytest.mark.parametrize("pattern", ["(?:ab|c)*d", "-?[0-9]+(\\.[0-9]+)?", "<&>\"'\\x01", "日本|é"])
def test_a_drawing_is_sound_svg(pattern):
    drawing = draw(compile_regex(pattern, LETTERS))
    svg = "{http://www.w3.org/2000/svg}"
    found = ET.fromstring(drawing.svg)
    labels = [text.text for text in found.iter(f"{svg}text")]
    assert labels == [way.label for way in drawing.map.ways]
    assert len(list(found.iter(f"{svg}circle"))) >= len(drawing.map.places)
    assert drawing.dot.count("->") == len(drawing.map.ways)


def test_a_long_label_is_cut_and_whole_on_hover():
    drawing = draw(compile_choice(["x" * 100], LETTERS))
    assert "x" * 100 in drawing.svg
    assert f">{'x' * 29}…<" in drawing.svg


# ---------------------------------------------------------------- generations

END = GeneratedToken(tiny.END, b"", True, 1 - 1 / tiny.PADDED, 0.0, finish_reason="stop")
TRUE, NULL = tiny.SPELLINGS.index(b"true"), tiny.SPELLINGS.index(b"null")
SEEN = Observation(NULL, 0.25, (Alternative(NULL, 0.7, 0.0), Alternative(TRUE, 0.25, 1.0)))
CHANGED = GeneratedToken(TRUE, b"true", False, 0.5, 0.0, observation=SEEN)


def test_tokens_are_coloured_by_origin_and_counted():
    made = (CHANGED, GeneratedToken(5, b"<&", False, 0.0, -1.0, steered=True), END)
    html = tokens(Generation(made, tiny.vocabulary()))._repr_html_()
    assert re.findall(r'class="tok (\w+)(?: first)?" tabindex', html) == ["changed", "steered", "forced"]
    shown = read(html)
    assert "3 tokens" in shown
    assert "1 the mask changed the choice" in shown
    assert "<&" in shown


def test_a_card_compares_before_and_after_the_mask():
    shown = read(tokens(Generation((CHANGED, END), tiny.vocabulary()))._repr_html_())
    assert "allowed 80 of 160" in shown
    assert "probability removed 75.0%" in shown
    assert "it wanted null" in shown
    assert re.search(r"null\s*70\.0%\s*forbidden\s*true ←\s*25\.0%\s*100\.0%", shown)


def test_without_observations_there_are_colours_and_no_cards():
    html = tokens([GeneratedToken(5, b"x", False, 0.5, -1.0), END])._repr_html_()
    assert 'class="card"' not in html
    assert "x<1>" in read(html)


def test_half_a_character_is_shown_as_bytes():
    assert "\\xc3" in read(tokens([GeneratedToken(5, b"\xc3", False, 0.5, -1.0)])._repr_html_())


# ---------------------------------------------------------------- IPython


def test_a_notebook_shows_our_types_by_itself():
    assert not register()  # nothing runs here yet
    shell = InteractiveShell.instance()
    try:
        assert register()
        grammar = compile_regex("[ab]", LETTERS)
        for value in (grammar, grammar.matcher(), Generation((END,)), GrammarError("no", where="#/a"), draw(grammar)):
            formats, _ = shell.display_formatter.format(value)
            assert 'class="cmlx"' in formats["text/html"] or "<svg" in formats["text/html"]
    finally:
        InteractiveShell.clear_instance()
