"""Parser stacks that can be shared, over LALR(1) tables (lookahead.py).

    stack     a linked list of states, built on one another and never changed
    viable    the terminals that a stack can still shift, found by reducing on trial

A terminal that a stack can shift leads to the beginning of some sentence: the stack is a viable
prefix, and every rule has sentences (that is checked here). So at the level of terminals there are no
dead ends; at the level of characters see machine.py.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from weakref import WeakValueDictionary

from lark.grammar import Rule

from constrained.deadline import look
from constrained.errors import UnsupportedFeature
from grammars.lark.lookahead import END, Conflict, Reduction, analyse

_NOTHING: frozenset[str] = frozenset()
_RECENT = 50_000  # stacks
_STACK_BYTES, _MOVE_BYTES = 300, 200  # of each, with its entry


@dataclass(frozen=True, slots=True)
class Escape:
    """A reduction to `origin` that takes `size` more states than are known: below a `HOLE`."""

    origin: str
    size: int


class Stack:
    """States, topmost first; `viable` is filled when first asked for.

    `is_relative`: it stands on the HOLE, so what lies below is not known.
    """

    __slots__ = ("__weakref__", "ahead", "below", "is_relative", "state", "viable")

    def __init__(self, state: int, below: "Stack | None", *, is_relative: bool = False) -> None:
        self.state = state
        self.below = below
        self.is_relative = is_relative
        self.viable: frozenset[str] | None = None
        self.ahead: int | None = None  # of the shortest sentence's rest; see endings.py

    def __len__(self) -> int:
        """How many states it has: walks down, so it takes as long."""
        size, below = 1, self.below
        while below is not None:
            size, below = size + 1, below.below
        return size

    def __bool__(self) -> bool:
        return True


HOLE = Stack(-1, None, is_relative=True)


class Tables:
    """What to do in each state on each symbol.

    accepts[state]     the terminals with an action: what Lark's contextual lexer looks for there
    shifts[terminal]   the states that shifting it can lead to
    kernels[state]     the rules that it is in the middle of; none of them at its beginning, but in the first state
    """

    def __init__(self, rules: Sequence[Rule], start: str, where: Callable[[str], str]) -> None:
        """Raises UnsupportedFeature for a grammar with conflicts; `where`: the place of a rule."""
        try:
            analysis = analyse(rules, start)
        except Conflict as error:
            reason = f"greedy lexing needs a grammar without LALR(1) conflicts: {error}"
            raise UnsupportedFeature(reason, where=where(str(error.rule.origin.name))) from error
        terminals = {str(symbol.name) for rule in rules for symbol in rule.expansion if symbol.is_term} | {END}
        self.actions = analysis.actions
        self.accepts = [frozenset(terminals & actions.keys()) for actions in self.actions]
        self.shifts: dict[str, frozenset[int]] = {}
        for actions in self.actions:
            for symbol, action in actions.items():
                if isinstance(action, int) and symbol in terminals:
                    self.shifts[symbol] = self.shifts.get(symbol, frozenset()) | {action}
        self.kernels = analysis.kernels
        self._end = analysis.end
        self._plans = [self._plan(state) for state in range(len(self.actions))]
        self._stacks: WeakValueDictionary[tuple[Stack | None, int], Stack] = WeakValueDictionary()
        self._moves: dict[tuple[Stack, str], Stack | Escape | None] = {}
        self._recent: deque[Stack] = deque(maxlen=_RECENT)  # kept alive, with what is known about them
        self._viable: dict[frozenset[str], frozenset[str]] = {}  # one object for one set
        self.start = self.push(None, 0)

    @property
    def size(self) -> int:
        """Bytes of the stacks that are kept alive and of what was resolved, roughly."""
        return _STACK_BYTES * len(self._recent) + _MOVE_BYTES * len(self._moves)

    def forget(self) -> None:
        """Drop both; stacks in use stay."""
        self._recent.clear()
        self._moves = {}

    def push(self, below: Stack | None, state: int) -> Stack:
        """The stack with `state` on top of `below`."""
        key = (below, state)
        found = self._stacks.get(key)
        if found is None:
            relative = below is not None and below.is_relative
            found = self._stacks[key] = Stack(state, below, is_relative=relative)
            self._recent.append(found)
        return found

    def reduce(self, stack: Stack, reduction: Reduction) -> Stack:
        """The stack after a reduction."""
        below: Stack | None = stack
        for _ in range(reduction.size):
            assert below is not None
            below = below.below
        return self._go_to(below, reduction.origin)

    def shift(self, stack: Stack, terminal: str) -> Stack:
        """The stack after a viable terminal."""
        while True:
            action = self.actions[stack.state][terminal]
            if isinstance(action, int):
                return self.push(stack, action)
            stack = self.reduce(stack, action)

    def resolve(self, stack: Stack, terminal: str) -> "Stack | Escape | None":
        """As `shift`, for any terminal (END shifts nothing) and relative stacks: None where it is no viable one."""
        key, moves = (stack, terminal), self._moves
        try:
            return moves[key]
        except KeyError:
            if len(moves) > _RECENT:
                moves = self._moves = {}
            found = moves[key] = self._resolve(stack, terminal)
            return found

    def _resolve(self, stack: Stack, terminal: str) -> "Stack | Escape | None":
        while True:
            if terminal == END and stack.state == self._end:
                return stack
            action = self.actions[stack.state].get(terminal)
            if action is None:
                return None
            if isinstance(action, int):
                return self.push(stack, action)
            below: Stack | None = stack
            for popped in range(action.size):
                assert below is not None
                below = below.below
                if below is HOLE:
                    return Escape(action.origin, action.size - popped - 1)
            stack = self._go_to(below, action.origin)

    def resume(self, stack: Stack | None, escape: Escape, terminal: str) -> "Stack | Escape | None":
        """What `resolve` had found if `stack` had been below."""
        for popped in range(escape.size):
            if stack is HOLE:
                return Escape(escape.origin, escape.size - popped)
            assert stack is not None
            stack = stack.below
        if stack is HOLE:
            return Escape(escape.origin, 0)
        return self.resolve(self._go_to(stack, escape.origin), terminal)

    def _go_to(self, stack: Stack | None, origin: str) -> Stack:
        assert stack is not None
        target = self.actions[stack.state][origin]
        assert isinstance(target, int)
        return self.push(stack, target)

    def viable(self, stack: Stack) -> frozenset[str]:
        """The terminals that `stack` can shift; with END where the sentence may end."""
        todo = [stack]
        reduced: dict[Stack, list[Stack]] = {}  # held: nobody else holds these stacks
        while stack.viable is None:
            look()
            here = todo[-1]
            plan = self._plans[here.state]
            if here not in reduced:
                reduced[here] = [self.reduce(here, reduction) for reduction, _ in plan.reductions]
                todo.extend(after for after in reduced[here] if after.viable is None)
            else:
                todo.pop()
                found = plan.shifts
                for (_, terminals), after in zip(plan.reductions, reduced[here], strict=True):
                    found |= terminals & (after.viable or _NOTHING)
                here.viable = self._viable.setdefault(found, found)
        return stack.viable

    def _plan(self, state: int) -> "_Plan":
        shifts: set[str] = {END} if state == self._end else set()
        reductions: dict[Reduction, set[str]] = {}
        for terminal in self.accepts[state]:
            action = self.actions[state][terminal]
            if isinstance(action, Reduction):
                reductions.setdefault(action, set()).add(terminal)
            elif terminal != END:
                shifts.add(terminal)
        return _Plan(frozenset(shifts), tuple((action, frozenset(names)) for action, names in reductions.items()))


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a state can do with its terminals: shift some, reduce before others."""

    shifts: frozenset[str]
    reductions: tuple[tuple[Reduction, frozenset[str]], ...]
