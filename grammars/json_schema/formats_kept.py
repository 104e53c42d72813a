"""Automata of formats that take long to make (up to 50 ms), kept on disk beside the vocabularies.

    @kept
    def idn_email() -> Dfa: ...         made once, then found under the hash of its name and its arguments, in a
                                        folder for the hash of all source that automata of formats are made by

So no version has to be raised, and two versions of this package do not meet; those written last are kept. What
is damaged, or cannot be read or written, is made again (constrained/vocabulary/cache.py).
"""

from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import ParamSpec, cast

from constrained import automata
from constrained.automata.dfa import Dfa
from constrained.vocabulary.cache import Entry, digest_of, drop_but_newest, load, store
from grammars import json_schema

P = ParamSpec("P")

_FOLDER = "formats"
_VERSIONS = 3  # of this package: checkouts beside each other, and what was installed before
_ARRAYS = ("classes", "step", "labels")


def kept(make: Callable[P, Dfa]) -> Callable[P, Dfa]:
    """`make`, whose automata are kept in this process, and on disk."""

    @cache
    @wraps(make)
    def found(*arguments: P.args, **named: P.kwargs) -> Dfa:
        called = f"{make.__module__}.{make.__qualname__}{arguments}{sorted(named.items())}"
        key, folder = digest_of(called.encode())[:32], f"{_FOLDER}/{_sources()}"
        entry = load(key, folder)
        if entry is not None:
            return Dfa(*(entry.arrays[name] for name in _ARRAYS))
        made = make(*arguments, **named)
        store(key, Entry({}, {name: getattr(made, name) for name in _ARRAYS}), folder)
        drop_but_newest(_FOLDER, _VERSIONS)
        return made

    return cast(Callable[P, Dfa], found)


@cache
def _sources() -> str:
    """A hash of all source that automata of formats are made by."""
    # The packages' own places: modules of theirs may be compiled, and lie elsewhere.
    files = [*Path(automata.__file__).parent.glob("*.py"), *Path(json_schema.__file__).parent.glob("formats*.py")]
    return digest_of(*(file.read_bytes() for file in sorted(files)))[:32]
