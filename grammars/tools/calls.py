"""The grammar of the calls of a turn, from a form of its family.

    calls    opens call(0) after(1)
    after(n) closes | between call(n) after(n + 1)

Names are one labelled automaton, whatever their number: the label decides whose arguments follow.
"""

from constrained.automata.algebra import literals
from constrained.grammar import Completion, Sequence, Switch, Symbol
from grammars.tools.formats import CallForm, OneOf, Slot
from grammars.tools.markers import matching, terminal
from grammars.tools.turns import Callable, Turn
from grammars.tools.written import Alternatives, WrittenNode, completion_of

CALL_ID = matching("[a-zA-Z0-9]{9}")


class Calls:
    """The calls of one turn, in one form."""

    def __init__(self, turn: Turn, form: CallForm) -> None:
        self.form = form
        self._turn = turn
        self._marks = turn.marks
        self._numbered = Slot.INDEX in form.call or Slot.PLACE in form.call
        self._rests: dict[int, After] = {}
        self._calls: dict[int, Sequence] = {}
        self._one = form.between is None or turn.choice.most == 1
        self.closes = self._marks.sequence(form.closes)
        self.between = self._marks.sequence(form.between or "")

    def sequence(self) -> Sequence:
        """One call or more."""
        return (*self._marks.sequence(self.form.opens), *self.call(0), self.after(1))

    def after(self, index: int) -> "After":
        """What follows the call before `index`. Calls that are not numbered are all alike."""
        key = index if self._numbered or index == 0 else 1
        found = self._rests.get(key)
        if found is None:
            found = self._rests.setdefault(key, After(self, key))
        return found

    def may_repeat(self) -> bool:
        """May another call follow?"""
        return not self._one

    def call(self, index: int) -> Sequence:
        """One call: call number `index` of the turn."""
        key = index if self._numbered else 0
        found = self._calls.get(key)
        if found is None:
            found = self._calls.setdefault(key, self._call(key))
        return found

    def _call(self, index: int) -> Sequence:
        before = self.form.call.index(Slot.NAME)
        names = {one.tool.name.encode(): label for label, one in enumerate(self._turn.callable)}
        targets = tuple(self._parts(before + 1, index, one) for one in self._turn.callable)
        switch = Switch(literals(names, minimal=False), targets, "tool")
        return (*self._parts(0, index, None, until=before), switch)

    def _parts(self, first: int, index: int, called: Callable | None, until: int | None = None) -> Sequence:
        found: list[Symbol] = []
        for part in self.form.call[first:until]:
            if isinstance(part, str):
                found += self._marks.sequence(part)
            elif part is Slot.ID:
                found.append(CALL_ID)
            elif part is Slot.INDEX:
                found.append(terminal(str(self._turn.first_index + index).encode()))
            elif part is Slot.PLACE:
                found.append(terminal(str(index + 1).encode()))
            elif isinstance(part, OneOf):
                found.append(Alternatives("spelling", tuple(map(self._marks.sequence, part.texts))))
            elif called is not None:
                found.append(terminal(called.tool.name.encode()) if part is Slot.NAME else called.arguments)
        return tuple(found)


class After(WrittenNode):
    """The end of the calls, or one more."""

    __slots__ = ("_calls", "_index")

    def __init__(self, calls: Calls, index: int) -> None:
        self._calls = calls
        self._index = index

    def expand(self) -> tuple[Sequence, ...]:
        """Close; or the next call."""
        calls = self._calls
        if not calls.may_repeat():
            return (calls.closes,)
        return calls.closes, (*calls.between, *calls.call(self._index), calls.after(self._index + 1))

    def completion(self) -> Completion:
        """No further call."""
        return completion_of(self._calls.closes)
