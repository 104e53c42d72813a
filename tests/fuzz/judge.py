"""What `jsonschema` says, with numbers taken exactly as they are written."""

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation, localcontext
from types import FrameType
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from grammars.json_schema.documents import Document
from grammars.json_schema.formats import NUMBER_FORMATS, known_format
from tests.support.python_patterns import judged_as
from tests.support.schema_evaluator import is_valid

_LARGEST = 2000  # exponent of a number that is made an int
DRAFT4 = "http://json-schema.org/draft-04/schema#"
DRAFT2019 = "https://json-schema.org/draft/2019-09/schema"
SECONDS = 5  # of processor time for one text; the library takes exponentially long for some schemas and deep texts


class Judge:
    """Validates texts against one schema.

    With `formats` they are asserted in every draft, as we do, and as the draft does, which matters under
    `not`: valid is what both call valid.
    """

    def __init__(self, schema: Any, *, formats: bool) -> None:
        in_python = json.dumps(judged_as(schema))
        exact = json.loads(in_python, parse_float=Decimal)
        of = validator_for(exact)
        self._lenient = of(exact)
        checkers = (of.FORMAT_CHECKER, Draft202012Validator.FORMAT_CHECKER) if formats else (None,)
        self._validators = [of(exact, format_checker=checker) for checker in dict.fromkeys(checkers)]
        self._document = Document.parse(in_python) if '"unevaluated' in in_python else None
        self._cannot_tell = DRAFT2019 in in_python and '"contains"' in in_python and '"unevaluatedI' in in_python
        self._integral = not (isinstance(schema, dict) and schema.get("$schema") == DRAFT4)

    @property
    def knows_formats(self) -> bool:
        """Does it assert every format that we do? (It has never heard of "byte", nor asserts contentEncoding.)"""
        if "contentEncoding" in json.dumps(self._lenient.schema, default=str):
            return False
        named = set(re.findall(r'"format": "(.*?)"', json.dumps(self._lenient.schema, default=str)))
        ours = {name for name in named if known_format(name) is not None or name in NUMBER_FORMATS}
        return ours <= Draft202012Validator.FORMAT_CHECKER.checkers.keys()

    def parse(self, text: str) -> Any:
        """The value of a text. From draft 6 on, 1.0 is an integer. A key that comes twice is refused."""
        return json.loads(text, parse_float=self._number, object_pairs_hook=_members)

    def _number(self, text: str) -> Decimal | int:
        try:
            value = Decimal(text)
        except InvalidOperation:  # an exponent of more digits than any computer counts to
            value = Decimal("1e-5000" if "e-" in text.lower() else "1e5000")
            return -value if text.startswith("-") else value
        _, digits, exponent = value.as_tuple()
        if not self._integral or not isinstance(exponent, int) or exponent > _LARGEST:
            return value
        whole = exponent >= 0 or (not any(digits[exponent:]) and -exponent <= len(digits)) or not any(digits)
        return int(value) if whole else value

    def accepts(self, text: str) -> bool | None:
        """Is it valid? None where there is no telling: the library recurses without end, breaks, or errs.

        It errs about unevaluated*, forgetting that a violated schema annotates nothing. There the standard,
        followed by the book (`schema_evaluator`), is a second judge, and both must agree. It knows no formats,
        so it misses some of what the library errs about most: that `contains` evaluates items, in draft 2019-09.
        """
        value = self.parse(text)
        if self._cannot_tell:
            return None
        with localcontext() as context, _in_time():
            context.prec = 400
            try:
                if self._document is not None and is_valid(self._document, value) != self._lenient.is_valid(value):
                    return None
                return all(validator.is_valid(value) for validator in self._validators)
            except _TooLong:
                self._cannot_tell = True  # nor could it about the next text
                return None
            except (RecursionError, TypeError, ArithmeticError, AttributeError):
                return None
            except BaseException as error:
                if type(error).__name__ == "PanicException":  # a RecursionError inside of the library's Rust
                    return None
                raise


class _TooLong(Exception):
    """The library's time for one text is over."""


@contextmanager
def _in_time() -> Iterator[None]:
    """Raise _TooLong within, after so many seconds of processor time, and again every second."""

    def over(_: int, frame: FrameType | None) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError(f"a key came twice: {[name for name, _ in pairs]}")
    return members
