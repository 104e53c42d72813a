"""The packaged model itself: it knows a capital, and answers in the form that it is given."""

import mlx.core as mx
import mlx_lm
import numpy as np
import pytest

from constrained.automata.regex import compile_rust
from constrained.errors import ModelError
from constrained.grammar import Terminal
from constrained.matcher import CompiledGrammar
from constrained.runtime import (
    BatchEngine,
    GrammarProcessor,
    LoadedModel,
    SequenceRequest,
    TokenEvent,
    chat_ids,
    generate,
    load_model,
    vocabulary_of,
)
from constrained.runtime.packaged_model import find_gguf, packaged_model

pytestmark = pytest.mark.model

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
ANSWER = r'\{"capital": "[A-Z][a-z]{1,20}"\}'


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    try:
        find_gguf()
    except ModelError as error:
        pytest.skip(str(error))
    return load_model()


def test_it_knows_a_capital(loaded):
    made = generate(*loaded, chat_ids(loaded.tokenizer, QUESTION), max_tokens=12)
    assert made.text == "The capital of France is Paris."
    assert made.finish_reason == "stop"


def test_it_answers_in_the_form_that_it_is_given(loaded):
    grammar = CompiledGrammar(Terminal(compile_rust(ANSWER)), vocabulary_of(*loaded))
    made = generate(*loaded, chat_ids(loaded.tokenizer, QUESTION), grammar, max_tokens=20, fast_forward=False)
    assert made.text == '{"capital": "Paris"}'


def test_forced_tokens_are_cut_as_the_tokenizer_cuts_the_text(loaded):
    grammar = CompiledGrammar(Terminal(compile_rust(ANSWER)), vocabulary_of(*loaded))
    prompt = chat_ids(loaded.tokenizer, QUESTION)
    made = generate(*loaded, prompt, grammar, max_tokens=20)
    assert made.text == '{"capital": "Paris"}'
    assert [token.id for token in made.tokens[:-1]] == loaded.tokenizer.encode(made.text)
    asked = [token.text for token in made.tokens if token.logprob is not None]
    assert b"Paris" in asked
    assert len(asked) < len(made.tokens) / 2


def test_the_processor_does_the_same_in_mlx_lm(loaded):
    grammar = CompiledGrammar(Terminal(compile_rust(ANSWER)), vocabulary_of(*loaded))
    prompt = chat_ids(loaded.tokenizer, QUESTION)
    text = mlx_lm.generate(*loaded, prompt, max_tokens=20, logits_processors=[GrammarProcessor(grammar)])
    assert text == '{"capital": "Paris"}'


def test_the_forms_for_cpu_and_gpu_are_one_model(loaded):
    quantised, tokenizer = mlx_lm.load(str(packaged_model(form="quantized")))
    ids = mx.array([tokenizer.encode("The capital of France is")])
    ours, theirs = (np.array(model(ids)[0].astype(mx.float32)) for model in (loaded.model, quantised))
    np.testing.assert_allclose(ours, theirs, atol=0.2)
    np.testing.assert_array_equal(ours.argmax(-1), theirs.argmax(-1))


def test_in_company_each_says_what_it_says_alone(loaded):
    grammar = CompiledGrammar(Terminal(compile_rust(ANSWER)), vocabulary_of(*loaded))

    def answers(*questions: tuple[str, bool]) -> list[bytes]:
        engine, texts = BatchEngine(*loaded, prefill_step=16), {}
        for question, constrained in questions:
            prompt = chat_ids(loaded.tokenizer, [{"role": "user", "content": question}])
            constraint = grammar.matcher() if constrained else None
            texts[engine.add(SequenceRequest(prompt=prompt, constraint=constraint, max_tokens=10))] = b""
        while not engine.idle:
            for event in engine.step():
                if isinstance(event, TokenEvent):
                    texts[event.uid] += event.token.text
        engine.close()
        return list(texts.values())

    asked = [("What is the capital of France?", True), ("What is two plus two?", False), ("Japan's capital?", True)]
    together = answers(*asked)
    assert together == [text for one in asked for text in answers(one)]
    assert together[0] == b'{"capital": "Paris"}'
