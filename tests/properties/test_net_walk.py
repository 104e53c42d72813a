"""Reading a text at once, by a kernel, is reading it byte by byte, as `States.step` says."""

from hypothesis import given
from hypothesis import strategies as st

from constrained.states import States
from tests.support.grammars import SMALL, grammars

ALPHABET = b'abc",'
texts = st.lists(st.sampled_from(ALPHABET), max_size=12).map(bytes)


def by_definition(states: States, text: bytes):
    state = states.start
    for byte in text:
        state = None if state is None else states.step(state, byte)
    return state


def reading(states: States, text: bytes) -> bytes:
    """As much of `text` as can be read, and then what can: so that most texts lead somewhere."""
    found, state = bytearray(), states.start
    for byte in text:
        options = [other for other in (byte, *ALPHABET) if states.step(state, other) is not None]
        if options:
            found.append(options[0])
            state = states.step(state, options[0])
    return bytes(found)


@given(grammars(), texts, texts)
def test_a_text_is_read_as_its_bytes_are(rule, text, other):
    states = States(rule)
    for one in (text, reading(States(rule), text), reading(States(rule), text) + other):
        after = states.read(states.start, one)
        assert after is by_definition(states, one)


@given(grammars(captured=True, controls=(0,), patterns=SMALL), texts, texts)
def test_where_texts_decide_what_follows(rule, text, other):
    states = States(rule)
    for one in (text, reading(States(rule), text), reading(States(rule), text) + other):
        cut = len(one) // 2
        begun = states.read(states.start, one[:cut])
        after = None if begun is None else states.read(begun, one[cut:])
        assert after is by_definition(states, one)
