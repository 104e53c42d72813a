"""Stop strings, token by token: what is held back, what is said, and where they do not count."""

import pytest

from constrained.runtime.generated import GeneratedToken
from constrained.runtime.stopping import Stops
from tests.runtime import tiny


def token(text: str, *, last: bool = False) -> GeneratedToken:
    return GeneratedToken(0, text.encode(), False, 0.0, 0.0, finish_reason="length" if last else None)


def say(stops: Stops, *texts: str) -> list[str]:
    """What is said after each text; `.` at its end: the sequence is over."""
    said: list[str] = []
    for text in texts:
        out = stops.feed(token(text.rstrip("."), last=text.endswith(".")))
        said.append("".join(one.text.decode() for one in out) + ("." if out and out[-1].finish_reason else ""))
        if stops.found:
            break
    return said


@pytest.mark.parametrize(
    ("stop", "texts", "said", "found"),
    [
        (["END"], ["go on ", "E", "ND of"], ["go on ", "", "."], "END"),
        (["END"], ["go on E", "ND"], ["", "go on ."], "END"),
        (["END"], ["go ", "EN", "O", "K."], ["go ", "", "ENO", "K."], None),
        (["END"], ["E", "E", "ND"], ["", "E", "."], "END"),
        (["END"], ["xEND"], ["x."], "END"),
        (["aab", "ab"], ["a", "a", "b"], ["", "", "."], "aab"),
        (["b", "abc"], ["xa", "bc"], ["", "xa."], "b"),
        (["ab"], ["a."], ["a."], None),
        ([], ["END", "END."], ["END", "END."], None),
        (["é"], ["caf", "é!"], ["caf", "."], "é"),
    ],
)
def test_nothing_of_a_stop_string_is_said_and_nothing_else_is_lost(stop, texts, said, found):
    stops = Stops(stop, None)
    assert say(stops, *texts) == said
    assert stops.found == found


def fed(pattern: str, stop: list[str], text: str) -> tuple[str, str | None]:
    """Every character is a token; the matcher is ahead by all of them, as after a run that was forced."""
    matcher = tiny.grammar(pattern).matcher()
    stops = Stops(stop, matcher)
    ids = [tiny.SPELLINGS.index(character.encode()) for character in text]
    for one in ids:
        matcher.advance(one)
    said = ""
    for place, character in enumerate(text):
        said += "".join(one.text.decode() for one in stops.feed(token(character, last=place + 1 == len(text))))
        if stops.found:
            break
    return said, stops.found


@pytest.mark.parametrize(
    ("pattern", "text", "said"),
    [
        (r'\{"[a-z]*"\}', '{"abendb"}', '{"abendb"}'),  # in a value: not a place to end
        ("[a-z ]*", "go end here", "go "),  # anywhere
        ("[a-z]{4,}", "endabend", "endab"),  # the first would leave too little
        ("(ab)*(end)?", "ababend", "abab"),
    ],
)
def test_a_stop_string_counts_only_where_the_text_may_end(pattern, text, said):
    assert fed(pattern, ["end"], text) == (said, "end" if said != text else None)


def test_a_token_is_cut_in_the_middle():
    matcher = tiny.grammar("[a-z]*").matcher()
    stops = Stops(["bc"], matcher)
    abc = tiny.SPELLINGS.index(b"abc")
    matcher.advance(abc)
    (said,) = stops.feed(GeneratedToken(abc, b"abc", False, 0.0, 0.0))
    assert (said.text, said.finish_reason) == (b"a", "stop")


def test_an_empty_stop_string_is_refused():
    with pytest.raises(ValueError, match="stop string"):
        Stops([""], None)
