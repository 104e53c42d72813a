"""What `jsonschema` says, with numbers taken exactly as they are written."""

import json
import re
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from grammars.json_schema.documents import Document
from grammars.json_schema.formats import NUMBER_FORMATS, known_format
from tests.support.python_patterns import judged_as
from tests.support.schema_evaluator import is_valid

_LARGEST = 2000  # exponent of a number that is made an int
DRAFT4 = "http://json-schema.org/draft-04/schema#"


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
        followed by the book (`schema_evaluator`), is a second judge, and both must agree.
        """
        value = self.parse(text)
        with localcontext() as context:
            context.prec = 400
            try:
                if self._document is not None and is_valid(self._document, value) != self._lenient.is_valid(value):
                    return None
                return all(validator.is_valid(value) for validator in self._validators)
            except (RecursionError, TypeError, ArithmeticError, AttributeError):
                return None
            except BaseException as error:
                if type(error).__name__ == "PanicException":  # a RecursionError inside of the library's Rust
                    return None
                raise


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError(f"a key came twice: {[name for name, _ in pairs]}")
    return members
