"""What does a request with hundreds of tools cost?

Claim: the time to the first mask grows less than the number of tools; the time of a mask does not grow.

1, 10, 100 and 500 tools with schemas of their own, in one request: compiled to the first mask, cold (with tools that
were never seen) and again (the same request once more, as an agent sends it), then a call of each of ten tools along
its shortest text, cold and again.
"""

from collections.abc import Iterator
from random import Random
from statistics import mean
from typing import Any

from benchmarks.harness import Row, Size, row
from benchmarks.memory import schema
from benchmarks.walking import first_mask, follow, settle
from constrained import Vocabulary, warm_up
from grammars.tools.compile import ToolGrammar, compile_tools
from tests.support.tokenizers import tokenizer_path

COUNTS = (1, 10, 100, 500)
CALLED = 10


def declared(count: int, seed: int) -> list[dict[str, Any]]:
    """Tools that no other seed has."""
    random = Random(seed)
    functions = ({"name": f"tool_{seed}_{n}", "parameters": schema(1000 * seed + n, random)} for n in range(count))
    return [{"type": "function", "function": function} for function in functions]


def compiled(tools: list[dict[str, Any]], vocabulary: Vocabulary) -> ToolGrammar:
    """The grammar of a turn that must call one of them."""
    return compile_tools(tools, vocabulary, tool_choice="required", parallel_tool_calls=False)


def calls(tools: list[dict[str, Any]], vocabulary: Vocabulary) -> list[list[int]]:
    """The shortest calls of ten of the tools, in tokens."""
    assert vocabulary.encode is not None
    called = tools[:: max(1, len(tools) // CALLED)][:CALLED]
    return [list(compiled([tool], vocabulary).matcher().shortest_tokens()) for tool in called]


def rows(size: Size) -> Iterator[Row]:
    """Small: one tool, then three."""
    path = tokenizer_path("llama3_1")
    for count in size.of(small=(1, 3), full=COUNTS):
        first: list[float] = []
        again: list[float] = []
        cold: list[float] = []
        warm: list[float] = []
        for seed in range(size.of(small=1, full=3)):
            vocabulary = Vocabulary.from_tokenizer_file(path)
            warm_up(vocabulary)
            settle()
            tools = declared(count, 10 * count + seed)
            spent, grammar = first_mask(lambda tools=tools, on=vocabulary: compiled(tools, on))
            first.append(spent)
            again.append(first_mask(lambda tools=tools, on=vocabulary: compiled(tools, on))[0])
            written = calls(tools, Vocabulary.from_tokenizer_file(path))
            for times in (cold, warm):
                for tokens in written:
                    times.extend(follow(grammar, tokens))
        named = f"{count} tool{'s' * (count > 1)}"
        yield row(f"{named}: request to first mask", first, tools=count)
        yield row(f"{named}: the same request again", again, tools=count)
        for kind, times in (("cold", cold), ("warm", warm)):
            note = f"mean {mean(times):,.1f}"
            yield row(
                f"{named}: mask and advance, {kind}", times, note=note, tools=count, mean_us=round(mean(times), 2)
            )
