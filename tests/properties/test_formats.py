"""What a format's automaton accepts, others call valid: random walks judged by `jsonschema` and the parsers."""

import base64
import json
import random
import re
import shutil
import subprocess
import unicodedata
from collections.abc import Iterator
from datetime import date

import idna
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft3Validator, Draft202012Validator

from constrained.automata import algebra, tables
from constrained.automata.dfa import REFUSES, START, Dfa
from grammars.json_schema.formats import FORMATS, base64_dfa

NAMES = sorted(FORMATS)
JUDGED_AS = {"url": "uri", "host-name": "hostname", "ip-address": "ipv4"}
SEPARATORS = re.compile("[.。．｡]")


def walks(dfa: Dfa, seed: int, count: int) -> Iterator[str]:
    """Random accepted texts. Half of the steps choose a row, half a byte; at some length, the nearest end."""
    choice = random.Random(seed)
    far, by_byte = tables.distances(dfa.step, dfa.labels), dfa.by_byte
    for _ in range(count):
        row, text, aim = int(START), bytearray(), choice.choice([3, 12, 40, 120])
        while True:
            targets = by_byte[row]
            live = np.flatnonzero(targets).tolist()
            if dfa.labels[row] != REFUSES and (not live or len(text) >= aim or choice.random() < 0.03):
                break
            rows = sorted({int(targets[byte]) for byte in live})
            if len(text) >= aim:
                row = min(rows, key=lambda target: far[target])
            else:
                row = choice.choice(rows) if choice.random() < 0.5 else int(targets[choice.choice(live)])
            text.append(choice.choice([byte for byte in live if targets[byte] == row]))
        yield text.decode()


def is_valid(name: str, text: str) -> bool:
    """The judge of a format: `jsonschema`, or a parser where it has no check, or a weaker one."""
    match name:
        case "binary" | "password":
            return True
        case "char":
            return len(text) == 1
        case "byte":
            return base64.b64encode(base64.b64decode(text, validate=True)).decode() == text
        case "color":
            return Draft3Validator.FORMAT_CHECKER.conforms(text, name)
        case _:
            known = JUDGED_AS.get(name, name)
            assert known in Draft202012Validator.FORMAT_CHECKER.checkers
            return Draft202012Validator.FORMAT_CHECKER.conforms(text, known) and obeys_bidi(known, text)


def obeys_bidi(name: str, text: str) -> bool:
    """RFC 5893 for the whole name: a right-to-left label binds the others (`idna` looks at each alone)."""
    if name != "idn-hostname" or not any(unicodedata.bidirectional(letter) in ("R", "AL", "AN") for letter in text):
        return True
    return all(idna.check_bidi(label, check_ltr=True) for label in SEPARATORS.split(text))


@pytest.mark.parametrize("name", NAMES)
@given(seed=st.integers(0, 2**32))
def test_accepted_texts_are_valid_for_jsonschema(name, seed):
    for text in walks(FORMATS[name].dfa(), seed, 10):
        assert is_valid(name, text), text


def test_every_character_of_internationalised_names_is_valid():
    dfa = FORMATS["idn-hostname"].dfa()
    texts = [chr(point) for point in range(0x80, 0xD800)]
    alone = [text for text in texts if dfa.accepts(text.encode())]
    later = [f"a{text}" for text in texts if dfa.accepts(f"a{text}".encode())]
    assert len(alone) > 30_000
    assert [text for text in alone + later if not is_valid("idn-hostname", text)] == []


@pytest.mark.parametrize("name", NAMES)
def test_readings_lie_inside_each_other(name):
    known = FORMATS[name]
    common, standard, superset = known.dfa("common"), known.dfa("standard"), known.superset()
    assert algebra.difference(common, standard).is_empty
    assert algebra.difference(standard, superset).is_empty
    assert not known.exact or algebra.equivalent(common, superset)


@given(st.dates())
def test_every_date_is_a_date(day):
    assert FORMATS["date"].dfa().accepts(day.isoformat().encode())


@given(st.integers(1, 9999), st.integers(0, 13), st.integers(0, 32))
def test_dates_are_those_of_the_calendar(year, month, day):
    text = f"{year:04}-{month:02}-{day:02}"
    try:
        date(year, month, day)
        real = True
    except ValueError:
        real = False
    assert FORMATS["date"].dfa().accepts(text.encode()) == real


@given(st.datetimes(timezones=st.timezones()))
def test_every_moment_is_a_date_time(moment):
    text = moment.isoformat()
    if re.search(r"[+-]\d\d:\d\d$", text):  # historical offsets have seconds, which RFC 3339 cannot write
        assert FORMATS["date-time"].dfa().accepts(text.encode())


@given(st.ip_addresses())
def test_every_address_is_an_address(address):
    name = f"ipv{address.version}"
    spellings = {str(address), address.exploded}
    assert all(FORMATS[name].dfa().accepts(text.encode()) for text in spellings)


@given(st.uuids())
def test_every_uuid_is_a_uuid(identifier):
    assert FORMATS["uuid"].dfa().accepts(str(identifier).encode())


@given(st.binary())
def test_what_encoders_write_is_base64(data):
    assert base64_dfa().accepts(base64.b64encode(data))


@given(st.text("ab-.xnXN9", max_size=12))
def test_host_names_are_those_of_jsonschema_without_a_labels(text):
    judged = Draft202012Validator.FORMAT_CHECKER.conforms(text, "hostname")
    a_label = any(label.lower().startswith("xn--") for label in text.split("."))
    expected = judged and not a_label and not text.endswith(".") and text.count(".") < 8
    assert FORMATS["hostname"].dfa().accepts(text.encode()) == expected


@given(st.text("12af:.", max_size=20))
def test_ipv6_is_that_of_the_standard_library(text):
    assert FORMATS["ipv6"].dfa().accepts(text.encode()) == is_valid("ipv6", text)


@given(st.text(":/?#[]@!$%&Aa9.~v ", max_size=12))
def test_uris_are_those_of_jsonschema(text):
    for name in ("uri", "uri-reference"):
        assert FORMATS[name].dfa().accepts(text.encode()) == is_valid(name, text)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs a JavaScript engine: node")
@pytest.mark.parametrize("reading", ["common", "standard"])
def test_patterns_compile_in_ecmascript(reading):
    program = (
        "for (const text of JSON.parse(require('fs').readFileSync(0)))"
        "{ try { new RegExp(text, 'u') } catch (error) { console.log(text) } }"
    )
    texts = list(walks(FORMATS["regex"].dfa(reading), 1, 1_000))
    done = subprocess.run(["node", "-e", program], input=json.dumps(texts), capture_output=True, text=True, check=True)
    assert done.stdout == ""
