"""Random patterns: the automaton agrees with the definition of matching, and with Python's `re`."""

import itertools
import re

import hypothesis.strategies as st
from hypothesis import given

from constrained.automata import algebra, ecma
from constrained.automata.code_points import ANY, Ranges, complement, ranges
from constrained.automata.ecma_classes import LINE_TERMINATOR, WORD
from constrained.automata.pattern_ast import Assertion, Choice, Gap, Look, One, Pattern, Repeat, Sequence

LETTERS = "ab-\n"
TEXTS = ["".join(text) for length in range(5) for text in itertools.product(LETTERS, repeat=length)]


# ---------------------------------------------------------------- the definition


def has(points: Ranges, character: str) -> bool:
    return any(low <= ord(character) <= high for low, high in points)


def holds(gap: Gap, text: str, at: int) -> bool:
    before = at > 0 and has(WORD, text[at - 1])
    after = at < len(text) and has(WORD, text[at])
    return {
        Gap.TEXT_START: at == 0,
        Gap.TEXT_END: at == len(text),
        Gap.LINE_START: at == 0 or has(LINE_TERMINATOR, text[at - 1]),
        Gap.LINE_END: at == len(text) or has(LINE_TERMINATOR, text[at]),
        Gap.WORD_EDGE: before != after,
        Gap.NO_WORD_EDGE: before == after,
    }[gap]


def ends(node: Pattern, text: str, at: int) -> frozenset[int]:
    """Where a match of `node` that starts at `at` may end."""

    def step(body: Pattern, places: frozenset[int]) -> frozenset[int]:
        return frozenset(end for place in places for end in ends(body, text, place))

    match node:
        case One(points):
            return frozenset({at + 1} if at < len(text) and has(points, text[at]) else ())
        case Sequence(parts):
            places = frozenset({at})
            for part in parts:
                places = step(part, places)
            return places
        case Choice(options):
            return frozenset(end for option in options for end in ends(option, text, at))
        case Repeat(body, least, most):
            places = frozenset({at})
            for _ in range(least):
                places = step(body, places)
            found = places
            for _ in range(len(text) + 1 if most is None else most - least):
                places = step(body, places)
                found |= places
            return found
        case Assertion(gap):
            return frozenset({at} if holds(gap, text, at) else ())
        case Look(body, ahead, negated):
            if ahead:
                seen = bool(ends(body, text, at))
            else:
                seen = any(at in ends(body, text, start) for start in range(at + 1))
            return frozenset({at} if seen != negated else ())


def found_in(node: Pattern, text: str) -> bool:
    return any(ends(node, text, at) for at in range(len(text) + 1))


# ---------------------------------------------------------------- random patterns


def characters() -> st.SearchStrategy[Pattern]:
    a, b, dash = (ranges([(ord(c), ord(c))]) for c in "ab-")
    return st.sampled_from([a, b, dash, ranges([(97, 98)]), complement(a), ANY, complement(LINE_TERMINATOR)]).map(One)


def gaps() -> st.SearchStrategy[Pattern]:
    return st.sampled_from(list(Gap)).map(lambda gap: Assertion(gap, WORD))


def combine(parts: st.SearchStrategy[Pattern], looks: st.SearchStrategy[bool]) -> st.SearchStrategy[Pattern]:
    lists = st.lists(parts, min_size=2, max_size=3).map(tuple)
    bounds = st.sampled_from([(0, None), (1, None), (0, 1), (2, 3), (0, 2), (2, None)])
    return st.one_of(
        lists.map(Sequence),
        lists.map(Sequence),
        lists.map(Choice),
        st.builds(lambda body, bound: Repeat(body, *bound), parts, bounds),
        st.builds(Look, parts, looks, st.booleans()),
    )


def patterns() -> st.SearchStrategy[Pattern]:
    leaves = st.one_of(characters(), characters(), gaps())
    behinds = st.recursive(leaves, lambda parts: combine(parts, st.just(False)), max_leaves=4)
    return st.recursive(
        st.one_of(leaves, st.builds(Look, behinds, st.just(False), st.booleans())),
        lambda parts: combine(parts, st.just(True)),
        max_leaves=7,
    )


@given(patterns())
def test_search_agrees_with_the_definition(node: Pattern) -> None:
    dfa = ecma.compile_pattern(node)
    dfa.check()
    texts = TEXTS[::3]
    assert [t for t in texts if dfa.accepts(t.encode())] == [t for t in texts if found_in(node, t)]


@given(patterns())
def test_whole_match_agrees_with_the_definition(node: Pattern) -> None:
    dfa = ecma.compile_pattern(node, search=False)
    texts = TEXTS[1::3]
    assert [t for t in texts if dfa.accepts(t.encode())] == [t for t in texts if len(t) in ends(node, t, 0)]


def wide() -> st.SearchStrategy[Pattern]:
    """Characters of all lengths: é and ê share a first byte, 文 and 斈 two."""
    few = [ranges([(ord(c), ord(c))]) for c in "aéê文斈😀"] + [ranges([(0xE0, 0x2FFF)]), complement(WORD)]
    return st.sampled_from([*few, *map(complement, few), ANY]).map(One)


@given(st.recursive(wide(), lambda parts: combine(parts, st.just(True)), max_leaves=6), st.booleans())
def test_patterns_are_spelled_with_no_two_rows_alike(node: Pattern, search: bool) -> None:
    dfa = ecma.compile_pattern(node, search=search)
    dfa.check()
    minimal = algebra.minimise(dfa)
    assert dfa.dump() == minimal.dump()
    assert dfa.classes.tobytes() == minimal.classes.tobytes()
    texts = ["", *"aéê文斈😀", *map("".join, itertools.product("aé文😀", repeat=2))]
    if search:
        assert [t for t in texts if dfa.accepts(t.encode())] == [t for t in texts if found_in(node, t)]


# ---------------------------------------------------------------- as Python reads them

# ECMA-262's `$` is Python's `\Z`, and Python's `\B` refuses the empty text.
TO_PYTHON = {"$": r"\Z", r"\B": r"(?!\b)"}


def written() -> st.SearchStrategy[str]:
    atoms = st.sampled_from(["a", "b", "-", r"\n", ".", "[ab]", "[^a]", r"\w", r"\W", r"[\d-]", "[^b-]", r"\x61"])
    gaps = st.sampled_from(["^", "$", r"\b", r"\B", "(?<=a)", "(?<!b)", r"(?<=\b-)", "(?<![ab]-)"])
    leaves = st.one_of(atoms, atoms, atoms, gaps)

    def grow(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        inside = st.lists(parts, max_size=3).map("".join)
        options = st.lists(inside, min_size=1, max_size=3).map("|".join)
        groups = st.builds("({}{})".format, st.sampled_from(["", "?:", "?=", "?!", "?<n>"]), options)
        quantified = st.builds(
            "(?:{}){}".format, options, st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,}", "*?", "+?"])
        )
        return st.one_of(groups, quantified, inside)

    return st.recursive(leaves, grow, max_leaves=8)


def python(pattern: str) -> re.Pattern[str]:
    unnamed = pattern.replace("(?<n>", "(")
    tokens = re.findall(r"\\x..|\\.|\[[^\]]*\]|.", unnamed, re.DOTALL)
    return re.compile("".join(TO_PYTHON.get(token, token) for token in tokens), re.ASCII)


@given(written())
def test_text_patterns_agree_with_python(pattern: str) -> None:
    dfa, oracle = ecma.pattern_dfa(pattern), python(pattern)
    texts = TEXTS[2::3]
    assert [t for t in texts if dfa.accepts(t.encode())] == [t for t in texts if oracle.search(t)]


@given(st.lists(st.tuples(st.integers(0, 0x10FFFF), st.integers(0, 300)), max_size=4), st.booleans())
def test_a_class_accepts_exactly_its_characters(pairs: list[tuple[int, int]], negated: bool) -> None:
    points = ranges((low, min(low + more, 0x10FFFF)) for low, more in pairs)
    points = complement(points) if negated else points
    dfa = ecma.compile_pattern(One(points), search=False)
    edges = {0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF}
    edges |= {edge + by for low, high in points for edge in (low, high) for by in (-1, 0, 1)}
    tried = [chr(code) for code in sorted(edges) if 0 <= code <= 0x10FFFF and not 0xD800 <= code < 0xE000]
    assert [c for c in tried if dfa.accepts(c.encode())] == [c for c in tried if has(points, c)]


@given(st.binary(max_size=8))
def test_only_utf8_is_accepted(text: bytes) -> None:
    try:
        text.decode()
        valid = True
    except UnicodeDecodeError:
        valid = False
    assert ecma.pattern_dfa("").accepts(text) == valid
