"""The page at /, in a real browser; and what it stands on: tokens in the stream for a client that watches."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.http_server import Server

sync_api = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
TOOL = {
    "name": "look",
    "parameters": {"type": "object", "properties": {"at": {"enum": ["sky", "sea"]}}, "required": ["at"]},
}
ASK = {"messages": [{"role": "user", "content": "?"}], "tools": [TOOL], "tool_choice": "required", "max_tokens": 90}


# ---------------------------------------------------------------- tokens in the stream


def watched(server: Server, **more: object) -> tuple[list[dict], list[dict]]:
    """The token comments of a stream, and its chunks."""
    answer = server.post("/v1/chat/completions", {**ASK, "stream": True, **more})
    lines = answer.raw.decode().splitlines()
    tokens = [json.loads(line.removeprefix(": token ")) for line in lines if line.startswith(": token ")]
    chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    return tokens, chunks


def test_a_client_that_watches_sees_every_token_as_it_was_written(server):
    tokens, chunks = watched(server, observe=3, seed=5)
    text = b"".join(bytes(token["bytes"]) if "bytes" in token else token["text"].encode() for token in tokens).decode()
    pieces = [
        call["function"]["arguments"] for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", [])
    ]
    assert json.loads("".join(pieces)) == json.loads(re.search(r'"arguments": (\{.*?\})', text)[1])
    for token in tokens:
        assert token["origin"] in ("sampled", "changed", "forced", "steered")
        if token["origin"] == "changed":
            assert token["wanted"] not in [one["name"] for one in token["alternatives"] if one["after"]]
        if "alternatives" in token:
            assert 0 <= token["kept"] <= 1
            assert 3 <= len(token["alternatives"]) <= 6
    assert {token["origin"] for token in tokens} >= {"forced", "changed"}


def test_watching_changes_no_answer_and_others_see_nothing(server):
    for seed in (1, 2):
        seen, chunks = watched(server, observe=0, seed=seed)
        unseen, same = watched(server, seed=seed)
        assert seen
        assert not unseen
        deltas = [[chunk["choices"][0]["delta"] for chunk in one] for one in (chunks, same)]
        said = [re.sub(r'"id": "\w+"', "", json.dumps(one)) for one in deltas]
        assert said[0] == said[1]


@pytest.mark.parametrize(
    ("more", "place"), [({"stream": False}, "observe"), ({"observe": 21, "stream": True}, "observe")]
)
def test_watching_is_refused_where_it_cannot_be_honoured(server, more, place):
    answer = server.post("/v1/chat/completions", {**ASK, "observe": 3, **more})
    assert answer.status == 400
    assert answer.body["error"]["param"] == place


# ---------------------------------------------------------------- the page


def test_the_page_is_for_browsers_and_needs_no_key(server, narrow_server):
    for each in (server, narrow_server):
        page = each.get("/", headers={"Accept": "text/html,*/*"})
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert b"http" not in page.raw
        for part in re.findall(r'(?:href|src)="(playground[^"]*)"', page.raw.decode()):
            assert each.get(f"/{part}").status == 200
    assert server.get("/").body["name"] == "constrained-mlx"


def test_a_page_from_elsewhere_may_not_ask(server):
    for origin, status in ((f"http://127.0.0.1:{server.port}", 200), ("http://127.0.0.1:1", 403), ("http://evil", 403)):
        assert server.post("/v1/chat/completions", ASK, headers={"Origin": origin}).status == status


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def page(browser, server):
    """The playground, loaded; it may say nothing on the console, and ask nobody but its server."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, permissions=["clipboard-read", "clipboard-write"]
    )
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("console", lambda message: wrong.append(message.text) if "status of 400" not in message.text else None)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("request", lambda asked: None if asked.url.startswith((server.url, "data:")) else wrong.append(asked.url))
    opened.goto(server.url)
    sync_api.expect(opened.locator("#model")).to_have_text("tiny")
    opened.fill("#max-tokens", "160")
    yield opened
    context.close()
    assert not wrong


def finished(page, how: str = "^finished") -> None:
    sync_api.expect(page.locator("#status")).to_have_text(re.compile(how), timeout=60_000)


def test_the_keyboard_alone_gets_a_tool_call(page):
    page.focus("#prompt")
    page.keyboard.press("Control+Enter")
    finished(page, "tool_calls")
    message = json.loads(page.text_content("#result"))
    (call,) = message["tool_calls"]
    assert call["function"]["name"] in ("get_weather", "send_email")
    json.loads(call["function"]["arguments"])
    tokens = page.locator("#text .tok")
    counts = [int(count) for count in page.locator("#legend b").all_text_contents()]
    assert tokens.count() == sum(counts)
    tokens.first.focus()
    page.keyboard.press("ArrowRight")
    sync_api.expect(page.locator("#card")).to_contain_text("token 2")
    page.keyboard.press("End")
    sync_api.expect(page.locator("#card")).to_contain_text(f"token {tokens.count()}")


KINDS = [
    ("a pattern", "[ab]{3}", r"[ab]{3}"),
    ("a choice", "red\ngreen", "red|green"),
    ("a grammar", 'start: "x" "y"?', "xy?"),
    ("JSON of a schema", '{"type": "integer", "minimum": 1, "maximum": 9}', "[1-9]"),
]


@pytest.mark.parametrize(("kind", "text", "pattern"), KINDS, ids=[kind for kind, _, _ in KINDS])
def test_the_answer_has_the_form_that_was_asked_for(page, kind, text, pattern):
    page.click(f"text={kind}")
    page.fill("#editor", text)
    page.click("#run")
    finished(page)
    assert re.fullmatch(pattern, json.loads(page.text_content("#result"))["content"])


def test_what_the_server_refuses_is_said_with_its_place(page):
    page.click("text=JSON of a schema")
    page.fill("#editor", '{"type": "string", "pattern": "(a*)\\\\1"}')
    page.click("#run")
    finished(page, "^refused")
    assert "response_format.json_schema.schema#/pattern" in page.text_content("#problem")
    page.fill("#editor", '{"type": ')
    sync_api.expect(page.locator("#editor-note")).to_contain_text("not JSON")
    assert page.is_disabled("#run")


def test_an_answer_can_be_stopped(page):
    page.click("text=a pattern")
    page.fill("#editor", "[a-z]{3500}")
    page.fill("#max-tokens", "4000")
    page.click("#run")
    sync_api.expect(page.locator("#text .tok").nth(5)).to_be_attached(timeout=30_000)
    page.keyboard.press("Escape")
    finished(page, "^stopped")
    assert page.is_enabled("#run")


def test_the_request_that_is_shown_runs(page):
    """As curl, in a shell. As Python, it is Python with the same fields."""
    page.fill("#prompt", 'It\'s "quoted", \\ and\nbroken')
    page.click("#copy")
    command = page.evaluate("navigator.clipboard.readText()")
    assert command == page.text_content("#request")
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout)["choices"][0]["finish_reason"] == "tool_calls"
    sent = json.loads(re.search(r"-d '(.*)'$", command, re.DOTALL)[1].replace("'\\''", "'"))
    page.click("text=Python")
    asked: dict = {}
    code = page.text_content("#request").replace("from openai import OpenAI", "")
    exec(compile(code, "shown", "exec"), {"OpenAI": lambda **_: _Client(asked), "print": lambda *_: None})
    assert asked == sent


class _Client:
    """Notes what a client would send."""

    def __init__(self, asked: dict) -> None:
        self._asked = asked
        self.chat = self.completions = self.message = self
        self.choices = [self]

    def create(self, **fields: object) -> "_Client":
        self._asked.update(fields)
        return self


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_nothing_sticks_out_and_texts_can_be_read(browser, server, width, scheme):
    """On a desk and on a phone; text and ground differ by at least 4.5 to 1 (WCAG AA)."""
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    page.goto(server.url)
    sync_api.expect(page.locator("#model")).to_have_text("tiny")
    page.click("#run")
    finished(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for selector in (
        "#status",
        "#model",
        "label",
        "#card td",
        "dt",
        "#run",
        "#text .tok.forced",
        "#kinds input:checked + span",
    ):
        ink, ground = page.evaluate(COLOURS, selector)
        assert contrast(ink, ground) >= 4.5, (selector, ink, ground)
    context.close()


# The colour of an element's text and of what lies behind it, layers of see-through ground laid on one another.
COLOURS = """selector => {
  const at = document.querySelector(selector);
  const read = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
  const layers = [];
  for (let one = at; one; one = one.parentElement) layers.push(read(getComputedStyle(one).backgroundColor));
  let ground = [255, 255, 255];
  for (const [r, g, b, a] of layers.reverse()) ground = [r, g, b].map((x, i) => x * a + ground[i] * (1 - a));
  return [read(getComputedStyle(at).color).slice(0, 3), ground];
}"""


def contrast(one: list[float], other: list[float]) -> float:
    """As WCAG 2.2 defines it."""

    def luminance(colour: list[float]) -> float:
        linear = [x / 12.92 if (x := part / 255) <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for part in colour]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)
