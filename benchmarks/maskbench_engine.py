"""One engine behind a pipe, for maskbench.py: a process of its own, with whatever Python has that engine installed.

    python maskbench_engine.py ENGINE TOKENIZER.JSON EOS_ID

    in   {"schema": ..., "texts": [{"tokens": [...], "valid": true}, ...]}      one line a schema
    out  {"error": "..."}                                                       it was refused
         {"first_us": ..., "cold_us": [...], "warm_us": [...], "passes": true}  mask and advance of every token

A text is followed up to its first token that is not allowed. The second time, warm, all texts are followed again with
the same compiled grammar. Nothing but the engine is imported: this file belongs to no package.
"""

import gc
import json
import sys
import time
from collections.abc import Iterator
from typing import Any


class Ours:
    """constrained-mlx, read as MaskBench means schemas: any order of keys, any whitespace."""

    def __init__(self, tokenizer: str, eos: int) -> None:
        from constrained import Vocabulary, warm_up
        from grammars import JsonSchemaOptions, compile_json_schema

        self._vocabulary = Vocabulary.from_tokenizer_file(tokenizer, eos_token_ids=[eos])
        self._options = JsonSchemaOptions(whitespace="flexible", key_order="any", additional_properties="schema")
        self._compile, self._eos = compile_json_schema, eos
        warm_up(self._vocabulary)

    def compile(self, schema: str) -> None:
        self._grammar = self._compile(json.loads(schema), self._vocabulary, options=self._options)

    def reset(self) -> None:
        self._matcher = self._grammar.matcher()

    def mask(self) -> None:
        self._mask = self._matcher.bitmask()

    def allows(self, token: int) -> bool:
        return bool(int(self._mask[token >> 5]) >> (token & 31) & 1)

    def advance(self, token: int) -> None:
        self._matcher.advance(token)

    def may_end(self) -> bool:
        self.mask()
        return self.allows(self._eos)


class LLGuidance:
    """llguidance, its defaults."""

    def __init__(self, tokenizer: str, eos: int) -> None:
        import llguidance
        from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

        with open(tokenizer, encoding="utf-8") as file:
            self._tokenizer = llguidance.LLTokenizer(file.read(), eos_token=eos)
        self._new, self._fill = llguidance.LLMatcher, fill_next_token_bitmask
        self._bits = allocate_token_bitmask(1, self._tokenizer.vocab_size)

    def compile(self, schema: str) -> None:
        text = '{"grammars":[{"json_schema":' + schema + "}]}"
        self._compiled = self._new(self._tokenizer, text, log_level=0)
        if self._compiled.is_error():
            raise ValueError(self._compiled.get_error())

    def reset(self) -> None:
        self._matcher = self._compiled.deep_copy()

    def mask(self) -> None:
        self._fill(self._matcher, self._bits, 0)

    def allows(self, token: int) -> bool:
        return bool(int(self._bits[0, token >> 5]) >> (token & 31) & 1)

    def advance(self, token: int) -> None:
        if not self._matcher.consume_token(token):
            raise ValueError(self._matcher.get_error())

    def may_end(self) -> bool:
        return self._matcher.is_accepting()


class XGrammar:
    """xgrammar, its defaults, its cache of compiled grammars on."""

    def __init__(self, tokenizer: str, eos: int) -> None:
        from importlib import import_module  # those two are in the other Python only

        from transformers import PreTrainedTokenizerFast

        torch: Any = import_module("torch")
        xgrammar: Any = import_module("xgrammar")
        torch.set_num_threads(1)
        fast = PreTrainedTokenizerFast(tokenizer_file=tokenizer)
        info = xgrammar.TokenizerInfo.from_huggingface(fast, vocab_size=len(fast), stop_token_ids=eos)
        self._compiler, self._new, self._eos = (
            xgrammar.GrammarCompiler(info, max_threads=1),
            xgrammar.GrammarMatcher,
            eos,
        )
        self._torch_bits = xgrammar.allocate_token_bitmask(1, info.vocab_size)
        self._bits = self._torch_bits.numpy()[0]

    def compile(self, schema: str) -> None:
        self._compiled = self._compiler.compile_json_schema(schema)

    def reset(self) -> None:
        self._matcher = self._new(self._compiled)

    def mask(self) -> None:
        self._matcher.fill_next_token_bitmask(self._torch_bits)

    def allows(self, token: int) -> bool:
        return bool(int(self._bits[token >> 5]) >> (token & 31) & 1)

    def advance(self, token: int) -> None:
        if not self._matcher.accept_token(token):
            raise ValueError("a token of the mask was refused")

    def may_end(self) -> bool:
        self.mask()
        return self.allows(self._eos)


ENGINES = {"constrained": Ours, "llguidance": LLGuidance, "xgrammar": XGrammar}


def followed(engine: Any, tokens: list[int], times: list[float]) -> bool:
    """Whether `tokens` are a whole text of the grammar; microseconds of each mask and advance go into `times`."""
    engine.reset()
    mask, allows, advance, now = engine.mask, engine.allows, engine.advance, time.perf_counter_ns
    for token in tokens:
        before = now()
        mask()
        spent = now() - before
        if not allows(token):
            times.append(spent / 1000)
            return False
        before = now()
        advance(token)
        times.append((spent + now() - before) / 1000)
    return engine.may_end()


def measured(engine: Any, schema: Any, texts: list[dict[str, Any]]) -> dict[str, Any]:
    """What is written for one schema."""
    text = json.dumps(schema)
    before = time.perf_counter_ns()
    try:
        engine.compile(text)
        engine.reset()
        engine.mask()
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:200]}
    found: dict[str, Any] = {"first_us": (time.perf_counter_ns() - before) / 1000, "cold_us": [], "warm_us": []}
    try:
        right = [followed(engine, one["tokens"], found["cold_us"]) == one["valid"] for one in texts]
        for one in texts:
            followed(engine, one["tokens"], found["warm_us"])
    except Exception as error:
        return {**found, "passes": False, "reason": f"{type(error).__name__}: {error}"[:200]}
    return {**found, "passes": all(right)}


def requests() -> Iterator[dict[str, Any]]:
    for line in sys.stdin:
        yield json.loads(line)


if __name__ == "__main__":
    name, path, eos_id = sys.argv[1:]
    subject = ENGINES[name](path, int(eos_id))
    measured(subject, {"type": "null"}, [])
    gc.collect()
    gc.freeze()  # a collection should not walk the libraries' own objects
    print("ready", flush=True)
    for request in requests():
        print(json.dumps(measured(subject, request["schema"], request["texts"])), flush=True)
