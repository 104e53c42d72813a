"""The site builds without a warning, and its pictures are what the engine draws today."""

import json
import os
import re
import runpy
import subprocess
import sys
from dataclasses import fields

import pytest

from server.api.chat_request import ChatRequest
from server.api.messages_request import MessagesRequest
from server.api.responses_request import ResponsesRequest
from server.metrics import Metrics
from server.settings import Settings
from tests.clients import cli
from tests.support.shared_data import CHECKOUT

BUILD = CHECKOUT / "docs" / "making"


def test_pictures_are_up_to_date():
    drawn = runpy.run_path(str(BUILD / "pictures.py"))["pictures"]()
    kept = {path.name: path.read_text() for path in (CHECKOUT / "docs" / "pictures").glob("*.svg")}
    assert drawn == kept, "run: python docs/making/pictures.py"


def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("material", reason="the site needs constrained-mlx[docs]")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    variables = {**os.environ, "DOCS_RUN_NOTEBOOKS": "0", "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(command, cwd=CHECKOUT, env=variables, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    pages = {str(page.relative_to(tmp_path).parent) for page in tmp_path.rglob("index.html")}
    assert {"getting_started", "concepts", "plugins", "api/constrained", "notebooks/01_from_regex_to_mask"} <= pages
    for page in tmp_path.rglob("*.html"):
        fetched = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="(https?:[^"]*)"', page.read_text())
        assert not fetched, f"{page} loads {fetched}"


def test_every_setting_of_the_server_is_documented():
    page = (CHECKOUT / "docs" / "server.md").read_text()
    missing = [one.name for one in fields(Settings) if f"`--{one.name.replace('_', '-')}`" not in page]
    assert not missing


@pytest.mark.parametrize(
    ("row", "body"),
    [("chat completions", ChatRequest), ("responses", ResponsesRequest), ("messages", MessagesRequest)],
)
def test_fields_without_effect_are_documented(row, body):
    page = (CHECKOUT / "docs" / "server.md").read_text()
    documented = re.search(rf"^\| {row} \| (`\w+`(?:, `\w+`)*) \|$", page, re.MULTILINE)
    assert documented
    none = [name for name, one in body.model_fields.items() if one.description == "Accepted and of no effect."]
    assert sorted(re.findall(r"\w+", documented[1])) == sorted(none)


def test_every_metric_is_documented():
    page = (CHECKOUT / "docs" / "server.md").read_text()
    names = re.findall(r"^# TYPE (\w+)", Metrics().text().decode(), re.MULTILINE)
    assert len(names) > 10
    assert not [name for name in names if not name.endswith("_created") and f"`{name}`" not in page]


def test_clients_are_documented_in_the_version_that_is_tested():
    page = (CHECKOUT / "docs" / "TOOL_CALLING.md").read_text().partition("<!-- clients -->")[2]
    rows = re.findall(r"^\| ([^|]+?) \| (\d[^|]*?) \|", page, re.MULTILINE)
    documented = {(name.partition(" (")[0], version) for name, version in rows}
    clients = CHECKOUT / "tests" / "clients"
    tested = set(cli.PACKAGES.items())
    for requirements in (clients / "requirements").glob("*.txt"):
        tested |= set(re.findall(r"^([\w-]+)(?:\[\w+\])?==(\S+)$", requirements.read_text(), re.MULTILINE))
    for manifest in (clients / "node").glob("*/package.json"):
        tested |= set(json.loads(manifest.read_text())["dependencies"].items())
    beside = {"mcp", "schemathesis", "zod", "@ai-sdk/openai-compatible"}
    assert documented == {one for one in tested if one[0] not in beside}
