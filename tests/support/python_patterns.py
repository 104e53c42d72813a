r"""ECMA-262 patterns in the dialect of Python's `re`, for judges that use it.

ECMA-262      Python
$             \Z                     also before a last line break
.             [^\n\r\u2028\u2029]   all but \n
\d  \w        [0-9]  [A-Za-z0-9_]    whatever Unicode calls a digit or a letter
\s            [\s\ufeff]             no U+FEFF
"""

import re
from typing import Any, cast

_SPELLED = {"d": "0-9", "w": "A-Za-z0-9_", "s": "\\s\ufeff"}
_ANY = "[^\n\r\u2028\u2029]"  # what a dot is
_PART = re.compile(r"\\.|\[|\]|\$|\.", re.DOTALL)


def in_python(pattern: str) -> str:
    """An ECMA-262 pattern in the dialect of Python's `re`, as far as real schemas need it."""
    inside = False

    def anew(found: "re.Match[str]") -> str:
        nonlocal inside
        part = found[0]
        if part in "[]":
            inside = part == "["
        elif part in "$.":
            return part if inside else r"\Z" if part == "$" else _ANY
        elif part[1] in _SPELLED:
            return _SPELLED[part[1]] if inside else f"[{_SPELLED[part[1]]}]"
        elif part[1].lower() in _SPELLED and not inside:
            return f"[^{_SPELLED[part[1].lower()]}]"
        return part

    return _PART.sub(anew, pattern)


def judged_as(schema: Any) -> Any:
    """A schema with its patterns in Python's dialect."""
    if isinstance(schema, list):
        return [judged_as(each) for each in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    found = {name: judged_as(value) for name, value in cast("dict[str, Any]", schema).items()}
    if isinstance(found.get("pattern"), str):
        found["pattern"] = in_python(found["pattern"])
    if isinstance(found.get("patternProperties"), dict):
        found["patternProperties"] = {in_python(name): each for name, each in found["patternProperties"].items()}
    return found
