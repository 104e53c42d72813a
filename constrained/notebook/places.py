"""A small grammar as a picture's worth of places: what may follow what, character by character.

    {"unit": "celsius"} or {"unit": "kelvin"}

                                  +--> celsius --+
    (start) --> {"unit": " --> o -|              |-> o --> "} --> (end)
                                  +--> kelvin ---+

Idea. Walk the states that a matcher would walk, and make them few enough to look at:

    1. bytes are read as characters, so the states inside of a character do not show
    2. a run of states with one way on is one text                      c e l s i u s
    3. the many states of one terminal (a string, a number) are one place, a *region*

Nothing is approximated: a text leads from the start to an end exactly if the grammar has it, except
that a region says which characters it reads, and not in which order or how many. A grammar with more
states than `STATE_LIMIT` is cut: its places that were not entered are `open`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from constrained.automata.code_points import BEYOND, Ranges, merge
from constrained.grammar import Terminal
from constrained.matcher import CompiledGrammar
from constrained.notebook.characters import Edges, Walk, counts, occurrence
from constrained.notebook.labels import of_characters, of_control, visible
from constrained.states import State
from constrained.vocabulary.vocabulary import Vocabulary

STATE_LIMIT = 1_000  # states looked at
PLACES = 40  # places that are entered
DETAIL = 20  # states of a pattern that are drawn one by one; of more, as in other grammars, regions are made
REGION = 12  # states of one terminal that are drawn one by one, if they have no cycle
CYCLE = 2  # the same, if they have one
TEXTS = 5  # ways between the same two places that are drawn one by one

Kind = Literal["text", "characters", "control", "texts"]


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere in a grammar.

    ends     the text may end here
    open     what follows, or some of a region, was not looked at
    reads    of a region: the characters it reads, "" for a single state
    current  the matcher that is drawn is here
    """

    ends: bool = False
    open: bool = False
    reads: str = ""
    current: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """From one place to another, both by their index."""

    source: int
    target: int
    label: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Map:
    """Places, the start first, and the ways between them."""

    places: tuple[Place, ...]
    ways: tuple[Way, ...]

    @property
    def is_complete(self) -> bool:
        """Was everything looked at?"""
        return not any(place.open for place in self.places)


def explore(
    grammar: CompiledGrammar,
    current: State | None = None,
    *,
    most: int = PLACES,
    limit: int = STATE_LIMIT,
) -> Map:
    """The map of a grammar; `current` is the state to be marked.

    `most` places are entered, and `limit` states looked at; what lies beyond is open.
    """
    walk = Walk(grammar.states, limit)
    detail = DETAIL if isinstance(grammar.start, Terminal) else 0
    survey = _Survey(walk.edges(), grammar.states.start, None if current is None else walk.known(current), detail)
    numbers: dict[State, int] = {}
    ways: dict[tuple[int, int], list[Way]] = {}
    entered: set[State] = set()
    for state in survey.drawn():
        place = survey.place_of(state)
        if len(entered) >= most and place not in entered:
            continue
        entered.add(place)
        source = numbers.setdefault(place, len(numbers))
        for label, kind, after in survey.ways_from(state, grammar.vocabulary):
            target = numbers.setdefault(survey.place_of(after), len(numbers))
            ways.setdefault((source, target), []).append(Way(source, target, label, kind))
    places = [survey.describe(key, entered=key in entered) for key in numbers]
    return Map(tuple(places), tuple(way for parallel in ways.values() for way in _few(parallel)))


def _few(parallel: list[Way]) -> list[Way]:
    """Ways between the same places, at most `TEXTS` of them."""
    distinct = list(dict.fromkeys(parallel))
    if len(distinct) <= TEXTS:
        return distinct
    first = distinct[0]
    shown = " | ".join(way.label for way in distinct[: TEXTS - 1])
    return [Way(first.source, first.target, f"{shown} | {len(distinct) - TEXTS + 1} more", "texts")]


# ---------------------------------------------------------------- few enough to look at


class _Survey:
    """Which states are drawn, and as what."""

    def __init__(self, edges: dict[State, Edges], start: State, current: State | None, detail: int) -> None:
        self._edges = edges
        self._detail = detail
        self._start = start
        self._current = current
        self._entries = _count_entries(edges)
        self._regions = self._find_regions()
        self._region_of = {state: first for first, members in self._regions.items() for state in members}

    def drawn(self) -> Iterator[State]:
        """The states that are not in the middle of a text, breadth first."""
        found = {self._start: None}
        todo = [self._start]
        for state in todo:
            yield state
            edges = self._edges.get(state, Edges())
            for target in edges.targets():
                after = self._end_of_text(target)[1]
                if after not in found and not self._is_cut(state, after):
                    found[after] = None
                    todo.append(after)

    def place_of(self, state: State) -> State:
        """The first of the states that are drawn as one."""
        return self._region_of.get(state, state)

    def ways_from(self, state: State, vocabulary: Vocabulary) -> Iterator[tuple[str, Kind, State]]:
        """Label, kind and end of every way out of a drawn state; none inside of a region."""
        edges = self._edges.get(state, Edges())
        for target, characters in edges.characters.items():
            single = _single(characters)
            text, after = self._end_of_text(target)
            if self._in_one_region(state, after) or self._is_cut(state, after):
                continue
            if single is None:
                yield of_characters(characters), "characters", after
            else:
                yield visible(single + text), "text", after
        for target, tokens in edges.controls.items():
            yield of_control(vocabulary, tokens), "control", target

    def describe(self, key: State, *, entered: bool) -> Place:
        """A state, or a region by its first state, as a place; `entered`: its ways out are drawn."""
        if key not in self._regions:
            is_open = key not in self._edges or (not entered and any(self._edges[key].targets()))
            return Place(key.accepting, is_open, current=key is self._current)
        members = self._regions[key]
        cut = any(self._is_cut(state, after) for state in members for after in self._edges[state].targets())
        reads = of_characters(merge(pair for state in members for pair in self._read_inside(state)))
        return Place(key.accepting, open=cut or not entered, reads=reads, current=self._current in members)

    def _read_inside(self, state: State) -> Iterator[tuple[int, int]]:
        """The characters on the ways from `state` to states of its region."""
        for target, characters in self._edges[state].characters.items():
            text, after = self._end_of_text(target)
            if self._in_one_region(state, after):
                yield from characters
                yield from ((ord(one), ord(one)) for one in text)

    def _in_one_region(self, state: State, other: State) -> bool:
        return state in self._region_of and self.place_of(state) is self.place_of(other)

    def _is_cut(self, state: State, after: State) -> bool:
        """Is `after` a state of a region, that was not entered?"""
        return state in self._region_of and after not in self._edges and occurrence(after) == occurrence(state)

    def _find_regions(self) -> dict[State, list[State]]:
        """First state -> the states of a region: connected ones of one terminal, if they count or are many."""
        alike: dict[State, list[State]] = {}  # state -> the states it is known to be connected with, itself first
        for state in self._edges:
            if self._is_inner(state) or (key := occurrence(state)) is None:
                continue
            group = alike.setdefault(state, [state])
            for target in self._edges[state].targets():
                after = self._end_of_text(target)[1]
                if after in self._edges and occurrence(after) == key and group is not alike.get(after):
                    group += alike.get(after, [after])
                    for member in group:
                        alike[member] = group
        many = sum(not self._is_inner(state) for state in self._edges) > self._detail
        return {group[0]: group for group in alike.values() if counts(group[0]) or (many and self._is_large(group))}

    def _is_large(self, group: list[State]) -> bool:
        return len(group) > REGION or (len(group) > CYCLE and self._has_cycle(group))

    def _has_cycle(self, group: list[State]) -> bool:
        """Take away states that nothing in the group leads to, until none is left, or only cycles are."""
        inside = set(group)
        ends = {state: [self._end_of_text(one)[1] for one in self._edges[state].targets()] for state in group}
        while inside:
            entered = {after for state in inside for after in ends[state] if after in inside}
            if entered == inside:
                return True
            inside = entered
        return False

    def _is_inner(self, state: State) -> bool:
        """Is this the middle of a text: one way in, one character on?"""
        edges = self._edges.get(state)
        return (
            edges is not None
            and state not in (self._start, self._current)
            and not state.accepting
            and not edges.controls
            and self._entries.get(state) == 1  # and that one a single character
            and len(edges.characters) == 1
            and _single(next(iter(edges.characters.values()))) is not None
        )

    def _end_of_text(self, state: State) -> tuple[str, State]:
        """The text that leads on from `state` as long as there is one way, and where it ends."""
        text = ""
        while self._is_inner(state):
            ((target, characters),) = self._edges[state].characters.items()
            text += _single(characters) or ""
            state = target
        return text, state


def _count_entries(edges: dict[State, Edges]) -> dict[State, int]:
    """State -> how many ways lead to it; a way for several characters, or for control tokens, counts as several."""
    found: dict[State, int] = {}
    for one in edges.values():
        for target, characters in one.characters.items():
            found[target] = found.get(target, 0) + (1 if _single(characters) else 2)
        for target in one.controls:
            found[target] = found.get(target, 0) + 2
    return found


def _single(characters: Ranges) -> str | None:
    """The one character of a set, or None."""
    match characters:
        case ((low, high),) if low == high:
            return chr(low) if low < BEYOND else of_characters(characters)
        case _:
            return None
