"""What a schema plainly says of the members of objects: enough to see that two schemas exclude each other.

    {"properties": {"kind": {"const": "a"}}, "required": ["kind"]}      must have "kind", which is "a"
    {"properties": {"kind": {"$ref": "#/$defs/b"}}}                     "kind", if it comes, is what is said there
    {"properties": {"id": {}}, "additionalProperties": false}           no member but "id"

The first excludes the second where that says something else, and the third. No alternative is made for it. "No" means
"not plainly"; what is plain here, `Objects.exclusive` and `Objects.both` see as well.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from grammars.json_schema.key_bits import bits
from grammars.json_schema.literals import Shape, Stated
from grammars.json_schema.locations import Location
from grammars.json_schema.shapes import Shapes
from grammars.json_schema.telling_apart import TYPE, conjuncts, stated_at, telling_values
from grammars.json_schema.values import Items, Members

STRUCTURED = frozenset({"array", "object"})

_MOST_COMPARED = 64  # schemas, each with all others

_OF_MANY = frozenset({"type", "minLength"})
_OBJECT, _STRING = frozenset({"object"}), frozenset({"string"})

_OF_ARRAYS = frozenset("items prefixItems additionalItems minItems maxItems uniqueItems contains".split())
_MORE = frozenset("anyOf oneOf not if dependentSchemas dependencies $dynamicRef $recursiveRef".split())


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """What a schema plainly says, by itself or with those that must hold with it."""

    types: frozenset[str]  # arrays, objects, or both
    required: frozenset[str]
    declared: dict[str, list[Location]]
    closed: list[frozenset[str]]  # in each case, all keys that there may be
    of_arrays: bool  # does it say anything of arrays?
    is_all: bool  # does it say nothing else of members?

    def of_key(self, name: str) -> "Profile":
        """Objects that have a key, of which this says something."""
        return Profile(_OBJECT, frozenset({name}), {name: self.declared[name]}, [], False, True)

    @property
    def tells(self) -> bool:
        """May it exclude others?"""
        return bool(self.required or self.declared or self.closed) or len(self.types) == 1


class Profiles:
    """The profiles of the schemas of one document."""

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self._own: dict[Location, Profile] = {}
        self._whole: dict[Location, Profile] = {}
        self._apart: dict[tuple[Profile, Profile], bool] = {}
        self._numbered: list[Profile] = []
        self._compared: list[int] = []  # of each profile that has a number, the others that it has been compared with
        self._excluded: list[int] = []  # and those that it excludes

    def end(self) -> None:
        """Let go of all that has been found out."""
        for known in (self._own, self._whole, self._apart):
            known.clear()
        self._numbered.clear()

    def own(self, location: Location) -> Profile:
        """What the own keywords of a schema say."""
        found = self._own.get(location)
        if found is None:
            found = self._own[location] = self._profile([location])
        return found

    def whole(self, location: Location) -> Profile:
        """What a schema says with those that it refers to, and with its `allOf`."""
        found = self._whole.get(location)
        if found is None:
            found = self._whole[location] = self._profile(conjuncts(self._shapes, location))
        return found

    def _profile(self, locations: Iterable[Location]) -> Profile:
        types: frozenset[str] = STRUCTURED
        required, is_all, of_arrays = frozenset[str](), True, False
        declared: dict[str, list[Location]] = {}
        closed: list[frozenset[str]] = []
        for location in locations:
            facts = self._shapes.facts(location)
            stated = stated_at(self._shapes, location)
            if stated.types is not None:
                types = types & stated.types
            if stated.values is not None:
                types = types & frozenset(TYPE[type(value)] for value in stated.values)
            if location.value is False:
                types = frozenset[str]()
            required |= frozenset(facts.get("required", ()))
            names = frozenset[str](facts.get("properties", ()))
            for name in facts.get("properties", ()):
                declared.setdefault(name, []).append(location.child("properties", name))
            if facts.get("additionalProperties") is False and not facts.get("patternProperties"):
                closed.append(names)
            is_all = is_all and _MORE.isdisjoint(facts)
            of_arrays = of_arrays or not _OF_ARRAYS.isdisjoint(facts)
        return Profile(types, required, declared, closed, of_arrays or not is_all, is_all)

    # ------------------------------------------------------------------ exclusion

    def exclude(self, one: Profile, other: Profile) -> bool:
        """Is plainly no array and no object of both? Arrays of which neither says anything do not count."""
        found = self._apart.get((one, other))
        if found is None:
            found = self._apart[one, other] = self._apart[other, one] = self._exclude(one, other)
        return found

    def bit(self, profile: Profile) -> int:
        """A profile as a bit set, to be asked for once."""
        self._numbered.append(profile)
        self._compared.append(0)
        self._excluded.append(0)
        return 1 << len(self._numbered) - 1

    def any_exclude(self, some: int, others: int) -> bool:
        """Does any profile of a bit set exclude any of another one?"""
        if some.bit_count() > others.bit_count():
            some, others = others, some
        for here in bits(some):
            if new := others & ~self._compared[here]:
                self._compared[here] |= new
                for there in bits(new):
                    self._compared[there] |= 1 << here
                    if self._exclude(self._numbered[here], self._numbered[there]):
                        self._excluded[here] |= 1 << there
                        self._excluded[there] |= 1 << here
            if self._excluded[here] & others:
                return True
        return False

    def _exclude(self, one: Profile, other: Profile) -> bool:
        both = one.types & other.types
        if "array" in both and (one.of_arrays or other.of_arrays or "object" not in both):
            return False
        return "object" not in both or self._exclude_objects(one, other)

    def _exclude_objects(self, one: Profile, other: Profile) -> bool:
        if any(not one.required <= names for names in other.closed):
            return True
        if any(not other.required <= names for names in one.closed):
            return True
        for name in one.required | other.required:
            for here in one.declared.get(name, ()):
                for there in other.declared.get(name, ()):
                    if _disjoint(stated_at(self._shapes, here), stated_at(self._shapes, there)):
                        return True
        return False

    def rivals(self, branches: Sequence[Location]) -> list[list[int]] | None:
        """For each of several schemas, those that may hold with it, by their indices; None for too many to compare."""
        found: list[list[int]] = [[] for _ in branches]
        profiles = [self.whole(branch) for branch in branches]
        if len(branches) > 2 and self.telling_key(branches, required=True) is not None:
            return found
        if len(branches) > _MOST_COMPARED:
            return None
        for (here, one), (there, other) in combinations(enumerate(profiles), 2):
            if not self.exclude(one, other):
                found[here].append(there)
                found[there].append(here)
        return found

    def telling_key(self, branches: Sequence[Location], *, required: bool = False) -> str | None:
        """The first key by whose value `Objects.worlds` tells all branches apart; None without any, or if in doubt."""
        profiles = [self.whole(branch) for branch in branches]
        if not all(profile.types == _OBJECT and (profile.is_all or required) for profile in profiles):
            return None
        for name in sorted(set(profiles[0].declared).intersection(*(profile.declared for profile in profiles))):
            if required and not all(name in profile.required for profile in profiles):
                continue
            if not all(self._may_tell(profile.declared[name]) for profile in profiles):
                continue
            shapes = [self._shape(profile.declared[name]) for profile in profiles]
            told = telling_values(self._shapes, [[shape] for shape in shapes]) if len(set(shapes)) > 1 else None
            if told is not None:
                return None if any(isinstance(one, Items | Members) for some in told for one in some) else name
        return None

    def _may_tell(self, locations: Sequence[Location]) -> bool:
        """Has a member constants, or is it a string of which keywords may leave few?"""
        stated = [stated_at(self._shapes, at) for at in locations]
        if any(one.values is not None for one in stated):
            return True
        return any(one.types == _STRING for one in stated) and not all(
            self._shapes.facts(at).keys() <= _OF_MANY for at in locations
        )

    def _shape(self, locations: Sequence[Location]) -> Shape:
        return self._shapes.both(*(self._shapes.of(at, ()) for at in locations))


def _disjoint(one: Stated, other: Stated) -> bool:
    """Is plainly no value of both?"""
    if one.values is not None and other.values is not None and one.values.isdisjoint(other.values):
        return True
    types, others = _types(one), _types(other)
    return types is not None and others is not None and types.isdisjoint(others)


def _types(stated: Stated) -> frozenset[str] | None:
    """The types that values may be of."""
    if stated.values is None:
        return stated.types
    types = frozenset(TYPE[type(value)] for value in stated.values)
    return types if stated.types is None else types & stated.types
