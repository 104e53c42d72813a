"""What the model's side of a batch does in one step, as plain numbers.

Everything that is decided is in a plan, and nothing is decided anywhere else: whoever executes the same
plans on the same model holds the same caches and computes the same logits. So a plan is all that one
process has to tell the others when a model is spread over several.

    leave   sequences that are finished or cancelled; some leave a copy of their cache behind, as an entry
    forget  entries that nobody needs any more
    begin   sequences whose prompt will be read, from nothing or from the beginning of an entry
    read    the next piece of some prompts
    keep    prompts of which a copy is kept as an entry, as far as they are read
    join    prompts that are read become rows, in this order, behind those that are there; some leave
            their cache behind as an entry
    passes  which rows read what, pass by pass, each within one bank

They happen in this order.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Leave:
    """A sequence goes, whether its prompt was being read or it was a row; its cache is kept as `entry`."""

    uid: int
    entry: int | None = None


@dataclass(frozen=True, slots=True)
class Begin:
    """A sequence gets a cache: the first `length` tokens of what `entry` holds, or an empty one."""

    uid: int
    entry: int | None = None
    length: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """The next tokens that a sequence reads; of how many of the last of them the logits are wanted."""

    uid: int
    tokens: tuple[int, ...]
    wanted: int = 1


@dataclass(frozen=True, slots=True)
class Keep:
    """What a prompt's cache holds now is kept as `entry`; the prompt is read on."""

    uid: int
    entry: int


@dataclass(frozen=True, slots=True)
class Join:
    """A prompt becomes a row of a bank, which is made for it if there is none; its cache is kept as `entry`."""

    uid: int
    entry: int | None = None
    bank: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """One step."""

    leave: tuple[Leave, ...] = ()
    forget: tuple[int, ...] = ()
    begin: tuple[Begin, ...] = ()
    read: tuple[Piece, ...] = ()
    keep: tuple[Keep, ...] = ()
    join: tuple[Join, ...] = ()
    passes: tuple[tuple[Piece, ...], ...] = ()
