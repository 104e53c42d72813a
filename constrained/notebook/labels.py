r"""Characters, tokens and bytes as short labels that show what cannot be seen.

" city"   ->  ␣city            ((97, 102), (48, 57))   ->  [0-9a-f]
"\n"      ->  ⏎                everything but " and \  ->  any but ["\\]
id 2      ->  <|im_end|>       b"\xc3" (half a letter) ->  \xc3
"""

from collections.abc import Collection, Mapping

from constrained.automata.code_points import BEYOND, Ranges, complement, union
from constrained.vocabulary.vocabulary import Vocabulary

_VISIBLE = str.maketrans({" ": "␣", "\n": "⏎", "\r": "␍", "\t": "⇥"})
_IN_CLASS = str.maketrans({"\\": "\\\\", "]": "\\]", "^": "\\^", "-": "\\-"})
_CONTROLS = ((0, 0x1F),)
_RANGES = 6  # ranges of a set that are listed
_TOKENS = 3  # control tokens of a set that are listed


def visible(text: str) -> str:
    """`text` with blanks and control characters made visible."""
    shown = text.translate(_VISIBLE)
    return "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in shown)


def of_bytes(text: bytes) -> str:
    """Bytes as visible text; what is no UTF-8 as escapes."""
    return visible(text.decode("utf-8", "backslashreplace"))


def of_characters(characters: Ranges) -> str:
    """A set of characters: one by itself, several as a class, nearly all as what is left out."""
    match characters:
        case ((low, high),) if low == high < BEYOND:
            return visible(chr(low))
        case _:
            return _many(characters)


def _many(characters: Ranges) -> str:
    missing = complement(tuple(pair for pair in characters if pair[0] < BEYOND))
    if not missing:
        return "any character"
    if sum(high - low + 1 for low, high in characters) > 0x10000:
        all_controls = missing[0][0] == 0 and missing[0][1] >= 0x1F
        named = complement(union(complement(missing), _CONTROLS)) if all_controls else missing
        left_out = _class(named) if named else ""
        controls = "control characters" if all_controls else ""
        return "any but " + " and ".join(part for part in (left_out, controls) if part)
    return _class(characters)


def _class(characters: Ranges) -> str:
    shown = "".join(_range(low, high) for low, high in characters[:_RANGES])
    return f"[{shown}{'…' if len(characters) > _RANGES else ''}]"


def _range(low: int, high: int) -> str:
    first, last = _in_class(low), _in_class(high)
    if low == high:
        return first
    return first + last if high == low + 1 else f"{first}-{last}"


def _in_class(point: int) -> str:
    if point >= BEYOND:
        return f"\\x{point - BEYOND:02x}"
    character = chr(point)
    shown = visible(character.translate(_IN_CLASS))
    return shown if character.isprintable() or len(shown) == 1 else f"\\u{point:04x}"


def names(vocabulary: Vocabulary) -> Mapping[int, str]:
    """Id -> name of the tokens that are no text."""
    return {token: name for name, token in vocabulary.control.items()}


def of_token(vocabulary: Vocabulary, token: int) -> str:
    """A token as visible text, or by its name."""
    spelled = vocabulary.spellings[token] if 0 <= token < vocabulary.size else None
    return of_control(vocabulary, (token,)) if spelled is None else of_bytes(spelled)


def of_control(vocabulary: Vocabulary, tokens: Collection[int]) -> str:
    """Control tokens by their names."""
    known = names(vocabulary)
    ids = sorted(tokens)
    shown = " | ".join(known.get(token, f"<{token}>") for token in ids[:_TOKENS])
    return f"{shown} | {len(ids) - _TOKENS} more" if len(ids) > _TOKENS else shown
