"""How do compiling and masks grow with the vocabulary?

Claim: less than the vocabulary does. Twice as many tokens are not twice as many nodes of the trie that a mask visits.

The twenty tools of the soak test, each compiled from its text to the first mask and then followed along its shortest
call, cold and again, with the tokenizers of four models in turn. Every round has a new vocabulary (from the disk
cache), so that nothing is left of the round before.
"""

import json
from collections.abc import Iterator
from statistics import mean

from benchmarks.harness import Row, Size, row
from benchmarks.walking import first_mask, follow, settle
from constrained import Vocabulary, warm_up
from grammars import compile_json_schema
from tests.soak.schemas import TOOLS
from tests.support.tokenizers import tokenizer_path

TOKENIZERS = {"Llama 3.1": "llama3_1", "Qwen 3": "qwen3", "GPT-OSS": "gptoss", "Gemma 3": "gemma3"}
KINDS = ("schema text to first mask", "mask and advance, cold", "mask and advance, warm")


def tools(vocabulary: Vocabulary, count: int) -> Iterator[tuple[str, list[float]]]:
    """Times by kind."""
    assert vocabulary.encode is not None
    warm_up(vocabulary)
    settle()
    for schema in list(TOOLS.values())[:count]:
        text = json.dumps(schema)
        first, grammar = first_mask(lambda text=text: compile_json_schema(json.loads(text), vocabulary))
        tokens = vocabulary.encode(grammar.matcher().shortest_completion().decode())
        yield KINDS[0], [first]
        for kind in KINDS[1:]:
            yield kind, follow(grammar, tokens)


def rows(size: Size) -> Iterator[Row]:
    """Small: two tools, the smallest vocabulary."""
    names = list(TOKENIZERS)[: size.of(small=1, full=None)]
    found: dict[tuple[str, str], list[float]] = {}
    tokens: dict[str, int] = {}
    for _ in range(size.of(small=1, full=3)):
        for name in names:
            vocabulary = Vocabulary.from_tokenizer_file(tokenizer_path(TOKENIZERS[name]))
            tokens[name] = vocabulary.size
            for kind, times in tools(vocabulary, size.of(small=2, full=len(TOOLS))):
                found.setdefault((kind, name), []).extend(times)
    for kind in KINDS:
        for name in names:
            times = found[kind, name]
            note = f"{tokens[name]:,} tokens, mean {mean(times):,.1f}"
            yield row(f"{kind}: {name}", times, note=note, tokens=tokens[name], mean_us=round(mean(times), 2))
