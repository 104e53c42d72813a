"""Many turns of one family, through the batch engine: a model of random weights, the family's tokenizer, its
chat template where there is one; and what must hold of every turn.

    prompt    rendered by the template, tools and all; else the instructions that models without one get
    model     random weights that like the family's markers (inclined.py)
    judges    the framer's calls validate; foreign readers find the same; rendered by the template, the grammar
              takes them again
"""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any, cast
from unittest.mock import patch

from constrained import Budgeted, Vocabulary
from constrained.runtime import BatchEngine, GeneratedToken, SequenceFailed, SequenceRequest, TokenEvent, batch
from constrained.runtime.sampling import Sampler
from constrained.segments import fewest_tokens
from grammars.tools.compile import ToolGrammar, compile_tools
from grammars.tools.definitions import read_tools
from grammars.tools.formats import ToolFormat
from grammars.tools.markers import marks_of
from grammars.tools.prompting import instructions, template_input
from grammars.tools.reasoning import reasoning_in
from grammars.tools.tables import FORMATS
from tests.conformance.tools.oracles import ORACLES
from tests.conformance.tools.requests import PLAIN, check_arguments
from tests.conformance.tools.templates import NAMES, called, calls_taken, conventions, render, written_after_prompt
from tests.conformance.tools.vocabularies import sentencepiece, vocabulary_for, with_added
from tests.conformance.tools.walks import Told, frame
from tests.soak.inclined import Inclined, random_model

MOST_TOKENS = 200  # in which every turn has to be complete, its text cut short if need be
QUESTION = {"role": "user", "content": "What is the weather like in Paris, and what time is it?"}
NAMED = {"type": "function", "function": {"name": "get_weather"}}

# Families with a chat template at hand. The others' prompts are their instructions.
TEMPLATES: Mapping[str, str] = {
    "llama3-json": "meta-llama-Llama-3.1-8B-Instruct",
    "hermes": "Qwen-Qwen3-0.6B",
    "gpt-oss": "openai-gpt-oss-120b",
    "mistral-v3": "mistralai-Mistral-Nemo-Instruct-2407",
    "mistral-v11": "Mistral-Small-3.2-24B-Instruct-2506",
    "mistral-v13": "mistralai-Ministral-3-14B-Reasoning-2512",
    "granite-3": "ibm-granite-granite-3.3-2B-Instruct",
    "cohere": "CohereForAI-c4ai-command-r7b-12-2024-tool_use",
    "deepseek-r1": "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B",
    "deepseek-v3.1": "deepseek-ai-DeepSeek-V3.1",
    "deepseek-v3.2": "deepseek-ai-DeepSeek-V3.2",
    "kimi-k2": "Kimi-K2-Thinking",
    "qwen3-coder": "Qwen3.5-4B",
    "glm-4.5": "GLM-4.6",
    "glm-4.7": "GLM-4.7-Flash",
    "minimax-m2": "MiniMax-M2",
    "lfm2": "LFM2.5-Instruct",
    "gemma-4": "google-gemma-4-31B-it",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """How calls may be made."""

    choice: str
    parallel: bool

    @property
    def tool_choice(self) -> Any:
        """As in a request."""
        return NAMED if self.choice == "named" else self.choice

    def check(self, told: Told) -> None:
        """What must hold of a turn."""
        least, most = {"auto": (0, None), "required": (1, None), "named": (1, 1)}[self.choice]
        assert len(told.calls) >= least
        assert len(told.calls) <= (most or (len(told.calls) if self.parallel else 1))
        assert told.reason == ("tool_calls" if told.calls else "stop")
        for call in told.calls:
            assert call.finished


SETTINGS = [
    Setting("auto", parallel=True),
    Setting("auto", parallel=False),
    Setting("required", parallel=True),
    Setting("required", parallel=False),
    Setting("named", parallel=True),
]


@dataclass(frozen=True, slots=True)
class Case:
    """A family over a tokenizer."""

    name: str
    family: ToolFormat
    vocabulary: Vocabulary
    model: str
    template: str | None
    tools: list[dict[str, Any]]


REAL = ("llama3-json", "hermes", "gpt-oss", "mistral-v3")  # over their own tokenizers; SmolLM2's formats too


def case_names() -> list[str]:
    """Every family, and Mistral's older format over SentencePiece too."""
    return [*FORMATS, "mistral-v3-sentencepiece"]


@cache
def case(name: str) -> Case:
    """A case by its name."""
    family = FORMATS[name.removesuffix("-sentencepiece")]
    if name.endswith("-sentencepiece"):
        vocabulary = sentencepiece()
    elif name in REAL:
        vocabulary = vocabulary_for(name)
    else:
        vocabulary = with_added(name)
    kind = {"hermes": "qwen3", "gpt-oss": "gpt_oss"}.get(name, "llama")
    template = TEMPLATES.get(family.name)
    return Case(name, family, vocabulary, kind, template if template in NAMES else None, _tools(family.name))


def _tools(family: str) -> list[dict[str, Any]]:
    """What every foreign reader reads back unchanged: longcat's fails on no arguments, FunctionGemma's on lists."""
    tools = json.loads(json.dumps(PLAIN))
    if family == "longcat":
        return tools[:1]
    if family == "function-gemma":
        del tools[0]["function"]["parameters"]["properties"]["flags"]
    return tools


def prompt_of(one: Case) -> str:
    """The prompt of a question."""
    if one.template is None:
        said = instructions(read_tools(one.tools), one.family)
        return f"{said}\n\n{QUESTION['content']}\n\n"
    given = template_input([QUESTION], read_tools(one.tools), conventions(one.template), one.family)
    return render(one.template, given.messages, given.tools)


def token_ids(text: str, vocabulary: Vocabulary) -> list[int]:
    """Tokens of a prompt: control tokens by name, as few others as possible."""
    pieces = marks_of(vocabulary).pieces(text)
    return [t for p in pieces for t in ([p] if isinstance(p, int) else fewest_tokens(vocabulary, p))]


def inclined(one: Case) -> Inclined:
    """A model that likes the family's markers."""
    vocabulary, family = one.vocabulary, one.family
    likes = {token: 4.0 for token, text in enumerate(vocabulary.spellings) if text and text[:1] in _CLOSING}
    likes |= dict.fromkeys(vocabulary.eos_token_ids, 7.0)
    follows: list[tuple[int, int]] = []
    texts = [] if family.reasoning is None else [(family.reasoning.opens, 6.0), (family.reasoning.closes, 9.0)]
    for form in family.forms:
        openings = _openings(form, one.tools)
        texts += [(text, 9.0) for text in openings]
        texts += [(form.between + text, 8.0) for text in openings if form.between and not form.opens]
    for text, strength in texts:
        tokens = token_ids(text, vocabulary)
        if tokens:
            likes[tokens[0]] = strength
        if strength > 7.0:
            follows += [pair for pair in pairwise(tokens) if pair[1] not in vocabulary.eos_token_ids]
    return Inclined(random_model(one.model, vocabulary.size), vocabulary.size, likes, follows)


_CLOSING = tuple(bytes((byte,)) for byte in b"\"'<}])\n{[\\,>")


def _openings(form: Any, tools: list[dict[str, Any]]) -> list[str]:
    first = form.call[0] if isinstance(form.call[0], str) else ""
    if form.by_name:
        after = form.call[1]
        return [f"{form.opens}{first}{tool['function']['name']}{after}" for tool in tools]
    return [form.opens + first]


# ---------------------------------------------------------------------- generation


@dataclass
class Tally:
    """What came of the turns of a case under one setting."""

    turns: int = 0
    calls: int = 0
    tokens: int = 0
    steered: int = 0  # turns that the budget ended
    read: int = 0  # turns that a foreign reader read alike
    rendered: int = 0  # turns whose calls the template rendered, and the grammar took
    wrong: list[str] = field(default_factory=list)


def soak(one: Case, setting: Setting, calls: int, *, rows: int = 16) -> Tally:
    """Generate turns, `rows` at a time, until there are so many calls in them; judge each."""
    text = prompt_of(one)
    grammar = compile_tools(
        one.tools,
        one.vocabulary,
        format=one.family,
        tool_choice=setting.tool_choice,
        parallel_tool_calls=setting.parallel,
        reasoning=reasoning_in(text, one.family),
    )
    tally = Tally()
    for turn in generated(one, grammar, token_ids(text, one.vocabulary), rows):
        tally.turns += 1
        tally.tokens += len(turn)
        tally.steered += turn[-1].finish_reason == "budget"
        judge(one, setting, grammar, [token.id for token in turn], tally)
        if tally.calls >= calls or tally.turns >= 30 * calls + 60:
            break
    return tally


def generated(one: Case, grammar: ToolGrammar, prompt: list[int], rows: int) -> Iterator[list[GeneratedToken]]:
    """Turns without end, as they are finished."""
    with patch.object(batch, "vocabulary_of", lambda model, tokenizer: one.vocabulary):
        engine = BatchEngine(inclined(one), cast("Any", None), max_batch=rows)
    turns: dict[int, list[GeneratedToken]] = {}
    seed = 0
    try:
        while True:
            while engine.active + engine.waiting < rows:
                seed += 1
                request = SequenceRequest(
                    prompt=prompt,
                    constraint=Budgeted(grammar.matcher(), MOST_TOKENS),
                    sampler=Sampler(temperature=1.0, seed=seed),
                    max_tokens=MOST_TOKENS,
                )
                turns[engine.add(request)] = []
            for event in engine.step():
                if isinstance(event, SequenceFailed):
                    raise event.error
                if isinstance(event, TokenEvent):
                    turns[event.uid].append(event.token)
                    if event.token.finish_reason is not None:
                        yield turns.pop(event.uid)
    finally:
        engine.close()


# ---------------------------------------------------------------------- judges


def judge(one: Case, setting: Setting, grammar: ToolGrammar, tokens: list[int], tally: Tally) -> None:
    """Ask every judge about one turn."""
    told = frame(grammar, tokens)
    found = [(call.name, json.loads(call.arguments)) for call in told.calls]
    tally.calls += len(found)
    try:
        assert tokens.pop() in one.vocabulary.eos_token_ids
        setting.check(told)
        for name, arguments in found:
            check_arguments(one.tools, name, arguments)
        if found:
            for _, reader in ORACLES.get(one.family.name, ()):
                read = reader(tokens, one.vocabulary, one.tools)
                assert read == found, f"read as {read}, framed as {found}"
                tally.read += 1
            tally.rendered += rendered_alike(one, found)
    except Exception as error:  # noqa: BLE001  whatever a judge says of a turn is reported with it
        tally.wrong.append(f"{setting}: {type(error).__name__}: {error}: {told}")


def rendered_alike(one: Case, calls: list[tuple[str, Any]]) -> bool:
    """Does the family's template render these calls as a turn of the grammar? False without a template."""
    if one.template is None:
        return False
    prompt, text = written_after_prompt(one.template, one.family, one.tools, [QUESTION], called(calls))
    again = calls_taken(text, prompt, one.family, one.vocabulary, one.tools)
    expected = calls[:1] if conventions(one.template).one_call else calls
    assert again == expected, f"rendered as {text!r}, of which the grammar takes {again}"
    return True


def main(names: list[str]) -> None:
    """Print one line of JSON for every case and setting."""
    for name in names or case_names():
        for setting in SETTINGS:
            started = time.process_time()
            tally = soak(case(name), setting, 100)
            found = {"format": name, "tokenizer": case(name).vocabulary.size, **asdict(setting), **asdict(tally)}
            print(json.dumps({**found, "cpu_seconds": round(time.process_time() - started, 1)}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
