"""Rules that Lark would write out as more alternatives than there is memory for."""

import pytest

from constrained.deadline import within
from constrained.errors import LimitExceeded, OutOfTime
from grammars import compile_lark
from tests.runtime import tiny

VOCABULARY = tiny.vocabulary()
TERMINALS = "".join(f"\nT{number}: /a{{{number + 1}}}b/" for number in range(60))


def options(count: int, form: str) -> str:
    return "start: " + " ".join(form % f"T{number}" for number in range(count)) + TERMINALS


@pytest.mark.parametrize(
    "text",
    [
        options(60, "%s?"),
        options(60, "[%s]"),
        options(60, "%s*"),
        options(60, '(%s | "b")'),
        options(60, "%s?").replace("start: ", "start: x y\n!y: ") + '\nx: "x"',
        'start: ("a" | "b" | "c")~20',
        'start: ("a" | "b" | "c")~0..20',
        'start: ("a" | "b" | "c" | "d")~60',
        f"start: ({options(60, '%s?')[7:].partition(chr(10))[0]})+{TERMINALS}",
    ],
)
def test_what_would_be_written_out_endlessly_is_refused_with_its_rule(text: str) -> None:
    with pytest.raises(LimitExceeded, match=r"line \d+, column 1: rule '(start|y)' has more than 50000 alternatives"):
        compile_lark(text, VOCABULARY)


@pytest.mark.parametrize(
    "text", [options(10, "%s?"), 'start: ("a" | "b")~2..8', 'start: "a"~0..2000', options(60, "%s+")]
)
def test_what_lark_can_write_out_is_not(text: str) -> None:
    compile_lark(text, VOCABULARY, lexer="dynamic")


def test_what_lark_itself_takes_long_for_is_given_up() -> None:
    text = "start: " + " | ".join(f'"{number}"' for number in range(20_000))
    with pytest.raises(OutOfTime), within(0.2):
        compile_lark(text, VOCABULARY)
