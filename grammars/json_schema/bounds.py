"""Which shapes can nothing be refused of, wherever a matcher goes from there? Told from above, without making them.

    {"oneOf": [{"properties": {"a": A, "b": B}, ...},      at "a":  A, but not C
               {"properties": {"a": C, ...}}]}             at "b":  B

A *bundle* is a set of literals of which all may hold of one value, or only some: a matcher that goes to a member comes
to a shape that is part of the bundle there. What bounds a bundle bounds all of its parts, so one bundle stands for many
shapes: the members of a thousand alternatives are as many bundles as there are members. Shapes are *bounded* if, in all
bundles that they lead to,

    sketches  (sketches.py) make few alternatives
    automata  are small, by the facts that may go into one (sizes.py)

"No" means "not plainly": then exploring.py expands the shapes themselves.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import combinations, product

from constrained.automata.ecma import pattern_letters
from constrained.automata.lettered import matches
from constrained.errors import GrammarError
from grammars.json_schema.key_bits import bits
from grammars.json_schema.literals import Among, Says, Shape
from grammars.json_schema.locations import Location
from grammars.json_schema.shapes import Shapes
from grammars.json_schema.sketches import Sketch, Sketches, Unclear, width
from grammars.json_schema.trees import has_parts, violations
from grammars.json_schema.values import Items, Members

Bundle = frozenset[Says]

WIDEST = 512  # alternatives that a matcher may have to make at once
_MOST = 5_000  # bundles that are looked at
_MOST_SKETCHES = 20_000  # of all of them
_MOST_UNBOUNDED = 16  # of them, before the others are given up
_FEW_PATTERNS = 4  # of keys, that may match in any combination
_FEW_CONTAINS = 3


# Keywords by which parts of values are told together with others: of schemas that are violated, and that hold.
_OF_KEYS = frozenset("patternProperties propertyNames".split())
_OF_ITEMS = frozenset("items prefixItems additionalItems contains uniqueItems".split())
_COMBINE = _OF_KEYS | _OF_ITEMS, _OF_KEYS | {"contains"}


class Bounds:
    """What is known to be bounded in one document.

    `leave` looks at the scalars of a bundle, and tells whether nobody has to look into its other values.
    """

    def __init__(
        self, shapes: Shapes, leave: Callable[[Bundle], bool], large_keys: Callable[[Iterable[Location]], bool]
    ) -> None:
        self.sketches = Sketches(shapes)
        self._shapes = shapes
        self._leave = leave
        self._keys_may_be_large = large_keys
        self._known: dict[Bundle, bool] = {}
        self._looked_at = 0  # sketches
        self._found: dict[Says, _Inside] = {}

    def end(self) -> None:
        """Let go of all that has been found out."""
        self._known.clear()
        self._found.clear()
        self.sketches.end()

    def hold(self, shape: Shape) -> bool:
        """Is a shape plainly bounded?"""
        if self._shapes.is_dynamic or self._shapes.tracks_evaluated:
            return False
        says = [literal for literal in shape.literals if isinstance(literal, Says)]
        bundle = frozenset(says)
        if len(says) < len(shape.literals) and not all(map(_only_narrows, shape.literals)):
            return False
        if bundle not in self._known:
            self._look(bundle)
        return self._known[bundle]

    def _look(self, start: Bundle) -> None:
        """Find out about a bundle, and about those that it leads to."""
        fresh, todo, unbounded = {start}, [start], list[Bundle]()
        above: dict[Bundle, list[Bundle]] = {}
        while todo:
            here = todo.pop()
            self._shapes.allowance.check()
            is_over = len(fresh) > _MOST or len(unbounded) > _MOST_UNBOUNDED or self._looked_at > _MOST_SKETCHES
            below = None if is_over else self._below(here)
            if below is None:
                unbounded.append(here)
            for bundle in below or ():
                known = self._known.get(bundle)
                if known is None:
                    above.setdefault(bundle, []).append(here)
                    if bundle not in fresh:
                        fresh.add(bundle)
                        todo.append(bundle)
                elif not known:
                    unbounded.append(here)
        while unbounded:
            here = unbounded.pop()
            if self._known.get(here) is None:
                self._known[here] = False
                unbounded += above.get(here, ())
        for bundle in fresh:
            self._known.setdefault(bundle, True)

    def _below(self, bundle: Bundle) -> set[Bundle] | None:
        """The bundles of what is in values; None where their number, or automata, may be large."""
        try:
            if self._leave(bundle):
                return set()
            if len(bundle) == 1 and (below := self._inside_alone(*bundle)) is not None:
                return below
            sketches = self.sketches.of(bundle)
            if width(sketches) > WIDEST:
                return None
            if all(self._shapes.speech(says.location).is_leaf for says in bundle):
                return set()
            self._looked_at += len(sketches)
            found = self._inside(sketches)
            found.discard(_NOTHING_SAID)
            return found
        except Unclear:
            return None
        except GrammarError:
            self._shapes.allowance.check()
            return None

    # ------------------------------------------------------------------ members and items

    def _inside_alone(self, says: Says) -> set[Bundle] | None:
        """The bundles in values of which one schema alone has its say, at most one keyword of it about each part.

        None where sketches have to be made.
        """
        said = self._shapes.speech(says.location)
        if not _COMBINE[says.positive].isdisjoint(said.facts) or has_parts(said.facts):
            return None
        if said.is_reference:
            parts = said.in_place
        elif said.in_place or (not says.positive and violations(said.facts) > WIDEST):
            return None
        else:
            parts = said.inside
        bundles = (_said(self._shapes, [self._shapes.of(part, (), says.positive)]) for part in parts)
        return {bundle for bundle in bundles if bundle}

    def _inside(self, sketches: list[Sketch]) -> set[Bundle]:
        """The bundles of members and items, in any of the sketches.

        Of many sketches most literals are the same, and few speak of one key: what these say is put together once.
        """
        literals = self.sketches.literals(sketch.own for sketch in sketches)
        inside = {bit: self._inside_of(says) for bit, says in literals.items()}
        of_objects = sum(bit for bit, one in inside.items() if one.of_objects)
        of_arrays = sum(bit for bit, one in inside.items() if one.of_arrays)
        found = set[Bundle]()
        owns = {sketch.own for sketch in sketches}
        if of_objects:
            self._refuse_many_keys(owns, literals, inside)
            _Together(inside).fill(found, owns)
        for own in {own & of_arrays for own in owns}:
            if own:
                found.update(self._items([inside[bit] for bit in inside if bit & own]))
        return found

    def _refuse_many_keys(self, owns: set[int], literals: dict[int, Says], inside: "dict[int, _Inside]") -> None:
        """Raise Unclear where keys may be told apart by many patterns, or by large ones, in one of the sketches."""
        patterns = {bit: len(one.patterns) for bit, one in inside.items() if one.patterns}
        if sum(patterns.values()) > _FEW_PATTERNS:
            for own in owns:
                if sum(number for bit, number in patterns.items() if bit & own) > _FEW_PATTERNS:
                    raise Unclear
        if self._keys_may_be_large(says.location for says in literals.values()):  # all together
            for own in owns:
                if self._keys_may_be_large(says.location for bit, says in literals.items() if bit & own):
                    raise Unclear

    def _items(self, inside: "list[_Inside]") -> Iterator[Bundle]:
        counted = [at for one in inside for at in one.counted]
        if len(counted) > _FEW_CONTAINS or any(one.repeats for one in inside):
            raise Unclear
        ways = [[self._said(at, positive) for positive in (True, False)] for at in counted]
        for index in range(max(len(one.prefix) for one in inside) + 1):
            items = [(one.positive, one.item(index)) for one in inside]
            for counts in product(*ways):  # an item counts for each `contains`, or lacks it
                if (bundle := _together([*items, *((True, said) for said in counts)])) is not None:
                    yield bundle

    def _said(self, at: Location, positive: bool) -> "_Said":
        return _said(self._shapes, [self._shapes.of(at, (), positive)])

    def _inside_of(self, says: Says) -> "_Inside":
        found = self._found.get(says)
        if found is None:
            found = self._found[says] = _Inside(says, self._shapes)
        return found


_Said = Bundle | None  # of one value; None where there can be none
_NOTHING_SAID = Bundle()


class _Inside:
    """What the own keywords of a schema say of members and items, if they hold, or of one that violates them."""

    def __init__(self, says: Says, shapes: Shapes) -> None:
        self.positive = says.positive
        self._shapes = shapes
        facts, child = shapes.facts(says.location), says.location.child
        patterns: Iterable[str] = facts.get("patternProperties", ())
        self.patterns = {name: self._of(child("patternProperties", name)) for name in patterns}
        self._additional = [self._of(child("additionalProperties"))] if "additionalProperties" in facts else []
        self.members = {name: self._member(child("properties", name), name) for name in facts.get("properties", ())}
        self.of_objects = bool(self.members or self.patterns or self._additional or "propertyNames" in facts)
        is_list = isinstance(facts.get("items"), list)
        prefix = shapes.branches(says.location, facts, "items" if is_list else "prefixItems")
        self.prefix = [_said(shapes, [self._of(at)]) for at in prefix]
        rest = [child(name) for name in ("additionalItems" if is_list else "items",) if name in facts]
        self._rest = _said(shapes, map(self._of, rest)) if self.positive else _NOTHING_SAID
        self.counted = [*([] if self.positive else rest), *([child("contains")] if "contains" in facts else [])]
        self.repeats = not self.positive and facts.get("uniqueItems") is True
        self.of_arrays = bool(self.prefix or rest or self.counted or self.repeats)

    def _of(self, at: Location) -> Shape:
        return self._shapes.of(at, (), self.positive)

    def _member(self, at: Location, name: str) -> _Said:
        return self._of_one([self._of(at), *self._matching(name)])

    def _matching(self, name: str) -> list[Shape]:
        return [shape for pattern, shape in self.patterns.items() if matches(pattern_letters(pattern), name)]

    def _of_one(self, shapes: list[Shape]) -> _Said:
        """Of one value, all of them; or one that is violated."""
        nothing = self._shapes.nothing
        return _said(self._shapes, shapes if self.positive else [shape for shape in shapes if shape is not nothing])

    @cached_property
    def others(self) -> _Said:
        """Of the value of a key that nobody names and no pattern matches; where this is violated, of any such key."""
        return self._of_one([*(() if self.positive else self.patterns.values()), *self._additional])

    def subsets(self) -> Iterator[_Said]:
        """Of the value of a key that nobody names, for the patterns that may match it at once."""
        yield self.others
        for size in range(1, len(self.patterns) + 1) if self.positive else ():
            for chosen in combinations(self.patterns.values(), size):
                yield self._of_one(list(chosen))

    def member(self, name: str) -> _Said:
        """Of the value of a key."""
        if name in self.members:
            return self.members[name]
        return self._of_one(self._matching(name) or self._additional)

    def item(self, index: int) -> _Said:
        """Of the item at `index`; what is violated behind the first ones is counted."""
        return self.prefix[index] if index < len(self.prefix) else self._rest


class _Together:
    """What schemas say of members together: the bundles of their values, by key, for any set of these schemas."""

    def __init__(self, inside: dict[int, _Inside]) -> None:
        self._inside = inside
        self._of_others = sum(bit for bit, one in inside.items() if one.others is None or one.others or one.patterns)
        self._naming: dict[str, int] = {}  # key -> the schemas that declare it, as a bit set
        for bit, one in inside.items():
            for name in one.members:
                self._naming[name] = self._naming.get(name, 0) | bit

    def fill(self, found: set[Bundle], sets: set[int]) -> None:
        """Add the bundles of any of some sets of schemas; of these, few speak of one key."""
        for name, naming in self._naming.items():
            speaking = naming | self._of_others
            for speakers in {schemas & speaking for schemas in sets if schemas & naming}:
                _fill(found, [(one.positive, one.member(name)) for one in self._those(speakers)])
        for speakers in {schemas & self._of_others for schemas in sets}:
            undeclared = [[(one.positive, value) for value in one.subsets()] for one in self._those(speakers)]
            for together in product(*undeclared):
                _fill(found, together)

    def _those(self, schemas: int) -> list[_Inside]:
        return [self._inside[1 << number] for number in bits(schemas)]


def _fill(found: set[Bundle], said: Iterable[tuple[bool, _Said]]) -> None:
    """Add the bundle of what is said of one value, if there may be such a value."""
    if (bundle := _together(said)) is not None:
        found.add(bundle)


def _together(said: Iterable[tuple[bool, _Said]]) -> _Said:
    """What is said of one value: all that holds, and of what is violated that which may be."""
    right, wrong = set[Says](), set[Says]()
    for positive, values in said:
        if values is not None:
            (right if positive else wrong).update(values)
        elif positive:
            return None
    if right:
        wrong = {one for one in wrong if Says(one.location, not one.positive) not in right}
    return frozenset(right | wrong)


def _said(shapes: Shapes, parts: Iterable[Shape]) -> _Said:
    """What several shapes of schemas say together."""
    found = set[Says]()
    for shape in parts:
        if shape is shapes.nothing:
            return None
        found.update(literal for literal in shape.literals if isinstance(literal, Says))
    return frozenset(found)


def _only_narrows(literal: object) -> bool:
    """Does a literal make no way to be an array or an object of its own?"""
    match literal:
        case Says():
            return True
        case Among(values, positive):
            return positive or not any(isinstance(value, Items | Members) for value in values)
        case _:
            return False
