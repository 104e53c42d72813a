"""Real grammars, judged by Lark: what we write, Lark parses; what Lark parses, we accept.

The grammars are in `lark/`. Those that are LALR(1) are judged by Lark's LALR parser with its
contextual lexer, and by Earley; the others by Earley with `dynamic_complete`.
"""

import random
from functools import cache
from pathlib import Path

import pytest
from lark import Lark
from lark.exceptions import UnexpectedInput

from grammars.lark.compiler import compile_lark
from grammars.lark.machine import Place
from tests.support.lark_texts import Texts
from tests.support.walks import accepts, walk, with_pieces

FOLDER = Path(__file__).parent / "lark"
NAMES = sorted(path.stem for path in FOLDER.glob("*.lark"))
DYNAMIC = {"ambiguous", "csv", "palindromes"}


@cache
def judge(name):
    text = (FOLDER / f"{name}.lark").read_text()
    return Lark(text, parser="earley", lexer="dynamic_complete") if name in DYNAMIC else Lark(text, parser="lalr")


def valid_texts(name, count):
    """Texts from another generator that Lark parses, and with them those that it does not; short ones."""
    generator, chance = Texts(judge(name)), random.Random(5)
    longest = 60 if name in DYNAMIC else 600  # Earley takes its time
    valid, others = [], []
    while len(valid) < count:
        text = generator.text(chance, chance.randint(2, 14))
        if len(text) <= longest:
            (valid if parses(name, text) else others).append(text)
    return valid, others


@cache
def compiled(name):
    """Over a vocabulary of bytes and of pieces of texts."""
    vocabulary = with_pieces(valid_texts(name, 25)[0], random.Random(6))
    return compile_lark((FOLDER / f"{name}.lark").read_text(), vocabulary)


def parses(name, text):
    try:
        judge(name).parse(text)
    except UnexpectedInput:
        return False
    return True


def mutated(text, chance):
    """`text` with a few characters dropped, doubled, swapped or brought in from elsewhere."""
    letters = list(text)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(letters) + 1)
        match chance.randrange(4):
            case 0:
                del letters[at : at + chance.randint(1, 3)]
            case 1:
                letters[at:at] = letters[at : at + chance.randint(1, 4)]
            case 2:
                letters.insert(at, chance.choice(" \n.,:;=()[]{}\"'+-*/<>0aZ_"))
            case _:
                letters[at : at + 2] = letters[at : at + 2][::-1]
    return "".join(letters)


@cache
def texts(name, count):
    chance = random.Random(7)
    length = 8 if name in DYNAMIC else 50
    return [walk(compiled(name), chance, length).decode() for _ in range(count)]


@pytest.mark.parametrize("name", NAMES)
def test_is_lexed_as_its_parser_does(name):
    assert isinstance(compiled(name).start, Place) == (name not in DYNAMIC)


@pytest.mark.parametrize("name", NAMES)
def test_random_walks_end_in_texts_that_lark_parses(name):
    for text in texts(name, 25):
        assert parses(name, text), text


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_three_hundred_random_walks_end_in_texts_that_lark_parses(name):
    earley = Lark((FOLDER / f"{name}.lark").read_text(), parser="earley") if name not in DYNAMIC else None
    for index, text in enumerate(texts(name, 300)):
        assert parses(name, text), text
        if earley is not None and index < 30:
            earley.parse(text)


@pytest.mark.parametrize("name", NAMES)
def test_accepts_exactly_what_lark_parses_of_mutated_texts(name):
    chance = random.Random(8)
    for text in texts(name, 25):
        for _ in range(4):
            other = mutated(text, chance)
            assert accepts(compiled(name), other) == parses(name, other), other


@pytest.mark.parametrize("name", NAMES)
def test_accepts_exactly_what_lark_parses_of_texts_from_another_generator(name):
    check_texts(name, 20)


def check_texts(name, count):
    valid, others = valid_texts(name, count)
    for text in valid:
        assert accepts(compiled(name), text), text
    for text in others:
        assert not accepts(compiled(name), text), text


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_three_hundred_valid_texts_are_accepted(name):
    check_texts(name, 300)
