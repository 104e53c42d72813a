"""A lifted language is what `json.dumps(text, ensure_ascii=False)` writes of the texts, and nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constrained.automata import algebra
from constrained.automata.dfa import DEAD, START
from constrained.automata.lift import any_string, any_text, escape, escaped, json_string
from constrained.automata.regex import compile_rust
from tests.support.automata import automata

any_unicode = st.text(st.characters(exclude_categories=["Cs"]))
awkward = st.text(st.sampled_from('"\\/\b\f\n\r\t\0\x01\x0f\x10\x1f \x7f\x80aé€😀\u2028\uffff\U0010ffff'))


def written(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode()


@given(any_unicode | awkward)
def test_any_text_can_be_written(text):
    assert any_text().accepts(text.encode())
    assert any_string().accepts(written(text))


@given(st.one_of(any_unicode, awkward, st.text('"\\u0019afnx', max_size=8)).map(lambda text: f'"{text}"'))
def test_what_is_accepted_is_what_would_be_written(encoded):
    try:
        decoded = json.loads(encoded)
    except json.JSONDecodeError:
        decoded = None
    canonical = isinstance(decoded, str) and json.dumps(decoded, ensure_ascii=False) == encoded
    assert any_string().accepts(encoded.encode()) == canonical


@given(st.binary(max_size=6))
def test_only_utf8_is_accepted(raw):
    accepted = any_string().accepts(b'"' + raw + b'"')
    try:
        text = json.loads(b'"' + raw + b'"')
    except ValueError:
        assert not accepted
    else:
        assert accepted == (written(text) == b'"' + raw + b'"')


@pytest.mark.parametrize(
    "encoded", [r'"\u0041"', r'"\/"', r'"\u001F"', r'"\u000a"', r'"\ud83d\ude00"', r'"\ud800"', '"\t"', '"']
)
def test_other_spellings_are_refused(encoded):
    assert not any_string().accepts(encoded.encode())


def test_surrogates_cannot_be_written():
    assert any_string().run(b'"' + b"\xed\xa0") == DEAD


@pytest.mark.parametrize("pattern", ["[a-z]+", '["\\\\\n\x00-\x05]*', "é|ê|😀", "(ab|cd){2,5}", "", r"\w+\s"])
def test_the_lift_keeps_the_language(pattern):
    decoded = compile_rust(pattern)
    lifted = json_string(decoded)
    lifted.check()
    text = algebra.shortest(decoded)
    assert text is not None
    assert algebra.shortest(lifted) is not None
    assert lifted.accepts(written(text.decode()))
    assert algebra.difference(lifted, any_string()).is_empty


@given(automata(labels=3), st.text("abc", max_size=6))
def test_labels_are_kept(decoded, text):
    lifted = json_string(decoded)
    lifted.check()
    assert lifted.label(lifted.run(written(text))) == decoded.label(decoded.run(text.encode()))


@given(automata(), automata())
def test_the_lift_commutes_with_the_algebra(a, b):
    for combine in (algebra.union, algebra.intersect, algebra.difference):
        left = json_string(combine(a, b))
        assert algebra.equivalent(left, combine(json_string(a), json_string(b)))


@pytest.mark.parametrize("quote", ['"', "'"])
@given(automata(labels=3), awkward | st.text("abc", max_size=6))
def test_inside_a_literal_each_byte_has_one_spelling(quote, decoded, text):
    lifted = escaped(decoded, ord(quote))
    lifted.check()
    spelled = escape(text.encode(), ord(quote))
    assert lifted.label(lifted.run(spelled)) == decoded.label(decoded.run(text.encode()))
    swap = str.maketrans("\"'", "'\"") if quote == "'" else {}
    assert spelled == json.dumps(text.translate(swap), ensure_ascii=False)[1:-1].translate(swap).encode()
    assert json_string(decoded).accepts(b'"' + escape(text.encode()) + b'"') == decoded.accepts(text.encode())


@pytest.mark.parametrize("quote", ['"', "'"])
@given(automata(), automata())
def test_escaping_commutes_with_concatenation(quote, a, b):
    whole = escaped(algebra.concat(a, b), ord(quote))
    assert algebra.equivalent(whole, algebra.concat(escaped(a, ord(quote)), escaped(b, ord(quote))))


def test_an_empty_language_stays_empty():
    lifted = json_string(algebra.empty())
    assert lifted.is_empty
    assert lifted.only_byte(START) == -1
