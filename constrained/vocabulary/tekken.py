"""Mistral's own tokenizer file, `tekken.json`: bytes in base64 by rank, behind a block of control tokens.

    id   0 .. C-1   control tokens: "<s>", "</s>", "[TOOL_CALLS]", ..., "<SPECIAL_20>", ...   (C is 1,000)
    id   C + rank   the bytes of that rank; ranks 0 .. 255 are the single bytes; later ranks are merges

Only the first ranks count, as many as fit into `default_vocab_size` ids. Files before version 11 do
not list their control tokens: those had the fixed names below.
"""

import base64

from constrained.errors import VocabularyError
from constrained.vocabulary.spelling import Json, Tokens

END_OF_TEXT = "</s>"

_UNLISTED = (
    *("<unk>", "<s>", END_OF_TEXT, "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]"),
    *("[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]"),
    *("[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]"),
)


def is_tekken(content: Json) -> bool:
    """Is this parsed JSON a `tekken.json`?"""
    return isinstance(content.get("vocab"), list) and "pattern" in content.get("config", {})


def read_tekken(content: Json) -> Tokens:
    """The tokens of a parsed `tekken.json`. Raises VocabularyError where its numbers do not fit together."""
    config = content["config"]
    size: int = config["default_vocab_size"]
    controls: int = config["default_num_special_tokens"]
    control = {f"<SPECIAL_{token}>": token for token in range(controls)}
    listed = content.get("special_tokens")
    named = {text: token for token, text in enumerate(_UNLISTED)}
    if listed is not None:
        named = {token["token_str"]: token["rank"] for token in listed}
    taken = set(named.values())
    control = {text: token for text, token in control.items() if token not in taken} | named

    spellings: list[bytes | None] = [None] * size
    for entry in content["vocab"]:
        if entry["rank"] < size - controls:
            spellings[controls + entry["rank"]] = base64.b64decode(entry["token_bytes"])
    if max(control.values(), default=-1) >= controls or None in spellings[controls:]:
        raise VocabularyError(f"tekken: {size} ids with {controls} control tokens do not fit the tokens listed")
    return Tokens(spellings, control, control)
