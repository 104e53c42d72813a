"""The objects from which one that is being written must differ: by what they have in common with it so far.

    {"id": 1, "name": "a"}                "id": 1  -->  {"id": 1, "name": "a"}
    {"id": 2, "name": "a"}     reading    "id": 3  -->  none: whatever follows, it is another object
    {"id": 2, "name": "b"}                "id": 2  -->  {"id": 2, "name": "a"}, {"id": 2, "name": "b"}

Of rivals that have all members that were read, with equal values, those are *complete* that have no others. So a
step costs one look-up by key and value, not one for each rival.

What has come so far is a tree that grows where somebody asks for a key (`Tree`); what had come at some time are its
first so many objects. So an array of n objects makes one tree, not n.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass

from grammars.json_schema.values import Members, Value, canonical

_MOST_KNOWN = 10_000  # sets of objects, before all are forgotten


class Tree:
    """Objects, numbered as they came, and where somebody asked for a key, those that have it with some value."""

    __slots__ = ("_below", "_first", "members", "numbers")

    def __init__(self) -> None:
        self.members: list[Mapping[str, Value]] = []
        self.numbers: list[int] = []  # ascending
        self._below: dict[str, dict[Value, Tree]] = {}
        self._first: dict[int, int] = {}  # how many members -> the first object that has so many

    def add(self, members: Mapping[str, Value], number: int) -> None:
        """One more object."""
        self.members.append(members)
        self.numbers.append(number)
        self._first.setdefault(len(members), number)
        for key, found in self._below.items():
            if key in members:
                found.setdefault(members[key], Tree()).add(members, number)

    def below(self, key: str) -> Mapping[Value, "Tree"]:
        """The objects that have a key, by its value."""
        found = self._below.get(key)
        if found is None:
            found = dict[Value, Tree]()
            for members, number in zip(self.members, self.numbers, strict=True):
                if key in members:
                    found.setdefault(members[key], Tree()).add(members, number)
            self._below[key] = found
        return found

    def first_of(self, size: int, otherwise: int) -> int:
        """The number of the first object of so many members."""
        return self._first.get(size, otherwise)


@dataclass(frozen=True, slots=True)
class Rivals:
    """The first objects of a tree, below `most`; all have the `read` members that were read."""

    tree: Tree
    most: int
    read: int = 0

    def __len__(self) -> int:
        return bisect_left(self.tree.numbers, self.most)

    def completes(self, read: int) -> bool:
        """Is one of them all there is after so many members?"""
        return self.tree.first_of(read, self.most) < self.most

    def has(self, key: str) -> bool:
        """Has any of them a key?"""
        return any(tree.numbers[0] < self.most for tree in self.tree.below(key).values())

    def values(self, key: str) -> frozenset[Value]:
        """What those have at a key that have it."""
        return frozenset(value for value, tree in self.tree.below(key).items() if tree.numbers[0] < self.most)

    def having(self, key: str, value: Value) -> "Rivals | None":
        """Those that have a member too that was read; None where nobody has."""
        tree = self.tree.below(key).get(value)
        return None if tree is None or tree.numbers[0] >= self.most else Rivals(tree, self.most, self.read + 1)

    def names(self) -> list[str]:
        """The keys of all, each once."""
        return list(dict.fromkeys(key for members in self.tree.members[: len(self)] for key in members))


class Came:
    """The sets of objects that have come in the arrays of one document: each mostly one more than one before."""

    def __init__(self) -> None:
        self._tree = Tree()
        self._in_tree = frozenset[Members]()
        self._known: dict[frozenset[Members], Rivals] = {}

    def rivals(self, objects: frozenset[Members]) -> Rivals:
        """These objects, of which there is at least one."""
        found = self._known.get(objects)
        if found is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            fresh = objects - self._in_tree
            if len(fresh) + len(self._in_tree) != len(objects):  # another array, or another text of it
                self._tree, fresh = Tree(), objects
            for one in sorted(fresh, key=canonical):
                self._tree.add(dict(one.pairs), len(self._tree.members))
            self._in_tree = objects
            found = self._known[objects] = Rivals(self._tree, len(self._tree.members))
        return found
