"""The families. One record each; docs/tools.md has the table with their sources and oracles."""

from collections.abc import Mapping
from types import MappingProxyType

from grammars.tools.formats import (
    NAMES,
    PYTHON,
    PYTHON_DOUBLE,
    PYTHON_WORDS,
    Arguments,
    CallForm,
    Json,
    Literals,
    MessageFormat,
    Nested,
    OneOf,
    Part,
    ReasoningFormat,
    Slot,
    Tags,
    ToolFormat,
)

NAME, ARGUMENTS, ID, INDEX, PLACE = Slot.NAME, Slot.ARGUMENTS, Slot.ID, Slot.INDEX, Slot.PLACE

_JSON = Json()
THINK = ReasoningFormat("<think>", "</think>")

_BEFORE_NAME, _AFTER_NAME = '{"name": "', '", "arguments": '
_OBJECT: tuple[Part, ...] = (_BEFORE_NAME, NAME, _AFTER_NAME, ARGUMENTS, "}")
_PYTHON_CALL: tuple[Part, ...] = (NAME, "(", ARGUMENTS, ")")

INSTRUCTIONS = """\
You may call functions to help with the user's request. They are listed within <tools></tools>:
<tools>
{tools}
</tools>

To call a function, write its name and arguments as a JSON object within <tool_call></tool_call>:
<tool_call>
{{"name": "function-name", "arguments": {{"argument": "value"}}}}
</tool_call>"""

SMOLLM2_INSTRUCTIONS = """\
You are an expert in composing functions. You are given a question and a set of possible functions.
Based on the question, you will need to make one or more function calls to achieve the purpose.
If none of the functions can be used, point it out and refuse to answer.
If the given question lacks the parameters required by the function, also point it out.

You have access to the following tools:
<tools>[{list}]</tools>

The output MUST strictly adhere to the following format, and NO other text MUST be included.
The example format is as follows. Please make sure the parameter type is correct. If no function call is needed, \
please make the tool calls an empty list '[]'.
<tool_call>[
{{"name": "func_name1", "arguments": {{"argument1": "value1", "argument2": "value2"}}}},
... (more tool calls as required)
]</tool_call>"""


def _tagged(name: str, opens: str, closes: str, instructions: str = "", *, examples: bool = False) -> ToolFormat:
    """JSON objects, one per pair of tags."""
    form = CallForm((opens + _BEFORE_NAME, NAME, _AFTER_NAME, ARGUMENTS, "}" + closes), between="\n")
    return ToolFormat(name, (form,), reasoning=THINK, gap="\n", instructions=instructions, examples=examples)


def _function_xml(name: str, opens: str, line: str, closes: str, think: ReasoningFormat = THINK) -> ToolFormat:
    """<function=NAME> with one tag per parameter; `line` is the line break that some families write."""
    call: tuple[Part, ...] = (f"{opens}{line}<function=", NAME, f">{line}", ARGUMENTS, f"</function>{line}{closes}")
    tags = Tags("<parameter=", f">{line}", f"{line}</parameter>{line}", words=PYTHON_WORDS)
    return ToolFormat(name, (CallForm(call, between="\n"),), tags, reasoning=think, gap="\n")


def _keys_and_values(name: str, prefix: str, line: str) -> ToolFormat:
    """GLM's pairs of <arg_key> and <arg_value>."""
    after_name: tuple[Part, ...] = (line,) if line else ()
    call: tuple[Part, ...] = (f"<{prefix}tool_call>", NAME, *after_name, ARGUMENTS, f"</{prefix}tool_call>")
    tags = Tags(f"<{prefix}arg_key>", f"</{prefix}arg_key>{line}<{prefix}arg_value>", f"</{prefix}arg_value>{line}")
    think = ReasoningFormat(f"<{prefix}think>", f"</{prefix}think>")
    form = CallForm(call, between=line)
    return ToolFormat(name, (form,), tags, reasoning=think, gap="\n")


def _cohere(name: str, answer: str, form: CallForm, arguments: Arguments = _JSON) -> ToolFormat:
    """What Cohere's templates cmd3, cmd4 and cmd5 have in common."""
    return ToolFormat(
        name,
        (form,),
        arguments,
        answer=(f"<|START_{answer}|>", f"<|END_{answer}|>"),
        reasoning=ReasoningFormat("<|START_THINKING|>", "<|END_THINKING|>"),
    )


def _dsml(name: str, calls: str) -> ToolFormat:
    """DeepSeek's tags, each of which has the token ｜DSML｜ in it and says whether a value is a string."""
    call: tuple[Part, ...] = ('<｜DSML｜invoke name="', NAME, '">\n', ARGUMENTS, "</｜DSML｜invoke>\n")
    tags = Tags(
        '<｜DSML｜parameter name="', '" string="true">', "</｜DSML｜parameter>\n", json_colon='" string="false">'
    )
    form = CallForm(call, f"<｜DSML｜{calls}>\n", "", f"</｜DSML｜{calls}>")
    return ToolFormat(name, (form,), tags, reasoning=THINK, gap="\n\n")


def _hunyuan(name: str, suffix: str) -> ToolFormat:
    """Pairs of tags as GLM has them; checkpoints differ in what their tokens end with."""
    tags = Tags(f"<arg_key{suffix}>", f"</arg_key{suffix}>\n<arg_value{suffix}>", f"</arg_value{suffix}>\n")
    call: tuple[Part, ...] = (
        f"<tool_call{suffix}>",
        NAME,
        f"<tool_sep{suffix}>\n",
        ARGUMENTS,
        f"</tool_call{suffix}>\n",
    )
    form = CallForm(call, f"<tool_calls{suffix}>\n", "", f"</tool_calls{suffix}>")
    return ToolFormat(name, (form,), tags, reasoning=ReasoningFormat(f"<think{suffix}>", f"</think{suffix}>"))


def _gemma(name: str, opens: str, closes: str, quote: str, thinks: bool) -> ToolFormat:
    call: tuple[Part, ...] = (f"{opens}call:", NAME, "{", ARGUMENTS, f"}}{closes}")
    literals = Literals(":", ",", quote, ("null", "true", "false"), ":", False, sorted=True)
    think = ReasoningFormat("<|channel>thought\n", "<channel|>") if thinks else None
    return ToolFormat(name, (CallForm(call),), literals, reasoning=think)


def _deepseek(name: str, call: tuple[Part, ...], between: str) -> ToolFormat:
    form = CallForm(call, "<｜tool▁calls▁begin｜>", between, "<｜tool▁calls▁end｜>")
    return ToolFormat(name, (form,), reasoning=THINK)


def _mistral(name: str, *forms: CallForm) -> ToolFormat:
    return ToolFormat(name, forms, reasoning=ReasoningFormat("[THINK]", "[/THINK]"))


_COHERE_LIST = CallForm(
    ('    {"tool_call_id": "', INDEX, '", "tool_name": "', NAME, '", "parameters": ', ARGUMENTS, "}"),
    "<|START_ACTION|>[\n",
    ",\n",
    "\n]<|END_ACTION|>",
)
_COHERE_TAGS = CallForm(
    ('<cofl:tool_call id="', INDEX, '" name="', NAME, '">', ARGUMENTS, "</cofl:tool_call>"),
    "<cofl:tool_calls>",
    "",
    "</cofl:tool_calls>",
)
_COHERE_VALUES = Nested(
    opens="<cofl:value",
    name=(' name="', '"'),
    kind=' type="{word}">',
    closes="</cofl:value>",
    words={"string": "raw", "scalar": "json", "array": "list", "object": "dict"},
)

GPT_OSS = ToolFormat(
    "gpt-oss",
    (
        CallForm(
            (
                "<|channel|>commentary to=functions.",
                NAME,
                OneOf((" <|constrain|>json<|message|>", "<|constrain|>json<|message|>")),
                ARGUMENTS,
                "<|call|>",
            ),
            between=None,
        ),
        CallForm(
            (
                " to=functions.",
                NAME,
                OneOf(("<|channel|>commentary json<|message|>", "<|channel|>commentary <|constrain|>json<|message|>")),
                ARGUMENTS,
                "<|call|>",
            ),
            between=None,
        ),
    ),
    reasoning=ReasoningFormat("<|channel|>analysis<|message|>", "<|end|>"),
    messages=MessageFormat(
        next="<|start|>assistant",
        end="<|end|>",
        last="<|return|>",
        preamble="<|channel|>commentary<|message|>",
        answer="<|channel|>final<|message|>",
        json_answers=(
            "<|channel|>final <|constrain|>json<|message|>",
            "<|channel|>final<|constrain|>json<|message|>",
        ),
        needs=("<|channel|>", "<|message|>", "<|end|>", "<|start|>", "<|constrain|>"),
    ),
)

_FORMATS = (
    # ------------------------------------------------------------------ JSON between tags
    _tagged("hermes", "<tool_call>\n", "\n</tool_call>"),
    _tagged("exaone", "<tool_call>", "</tool_call>"),
    _tagged("generic", "<tool_call>\n", "\n</tool_call>", INSTRUCTIONS, examples=True),
    ToolFormat(
        "smollm2",
        (CallForm(_OBJECT, "<tool_call>[", ", ", "]</tool_call>"),),
        instructions=SMOLLM2_INSTRUCTIONS,
    ),
    # ------------------------------------------------------------------ JSON without tags
    ToolFormat(
        "llama3-json",
        (
            CallForm(('{"name": "', NAME, '", "parameters": ', ARGUMENTS, "}"), between=None, at_start=True),
            CallForm(
                ('<|python_tag|>{"type": "function", "name": "', NAME, '", "parameters": ', ARGUMENTS, "}"),
                between=None,
            ),
        ),
    ),
    ToolFormat("functionary-v3.1", (CallForm(("<function=", NAME, ">", ARGUMENTS, "</function>")),)),
    # ------------------------------------------------------------------ JSON lists
    ToolFormat("xlam", (CallForm(_OBJECT, "[", ", ", "]", at_start=True),)),
    ToolFormat("granite-3", (CallForm(_OBJECT, "<|tool_call|>[", ", ", "]"),), reasoning=THINK),
    ToolFormat("phi-4-mini", (CallForm(_OBJECT, "<|tool_call|>[", ", ", "]<|/tool_call|>"),)),
    ToolFormat("phi-4-mini-functools", (CallForm(_OBJECT, "functools[", ", ", "]"),)),
    _cohere("cohere", "RESPONSE", _COHERE_LIST),
    _cohere("cohere-4", "TEXT", _COHERE_LIST),
    _cohere("cohere-5", "TEXT", _COHERE_TAGS, _COHERE_VALUES),
    _mistral(
        "mistral-v3",
        # SentencePiece puts a space before the list, tekken does not.
        *(
            CallForm(('{"name": "', NAME, '", "arguments": ', ARGUMENTS, ', "id": "', ID, '"}'), opens, ", ", "]")
            for opens in ("[TOOL_CALLS][", "[TOOL_CALLS] [")
        ),
    ),
    # ------------------------------------------------------------------ name, then JSON
    _mistral("mistral-v11", CallForm(("[TOOL_CALLS]", NAME, "[CALL_ID]", ID, "[ARGS]", ARGUMENTS))),
    _mistral("mistral-v13", CallForm(("[TOOL_CALLS]", NAME, "[ARGS]", ARGUMENTS))),
    _deepseek(
        "deepseek-r1",
        ("<｜tool▁call▁begin｜>function<｜tool▁sep｜>", NAME, "\n```json\n", ARGUMENTS, "\n```<｜tool▁call▁end｜>"),
        "\n",
    ),
    _deepseek("deepseek-v3.1", ("<｜tool▁call▁begin｜>", NAME, "<｜tool▁sep｜>", ARGUMENTS, "<｜tool▁call▁end｜>"), ""),
    ToolFormat(
        "kimi-k2",
        (
            CallForm(
                (
                    "<|tool_call_begin|>functions.",
                    NAME,
                    ":",
                    INDEX,
                    "<|tool_call_argument_begin|>",
                    ARGUMENTS,
                    "<|tool_call_end|>",
                ),
                "<|tool_calls_section_begin|>",
                "",
                "<|tool_calls_section_end|>",
            ),
        ),
        reasoning=THINK,
        call_id="functions.{name}:{index}",
    ),
    # ------------------------------------------------------------------ messages with headers
    GPT_OSS,
    ToolFormat(
        "muse",
        (
            CallForm(
                (
                    " to=",
                    NAME,
                    '<|message|><atem:function_calls>\n<atem:invoke name="',
                    NAME,
                    '">\n',
                    ARGUMENTS,
                    "</atem:invoke>\n</atem:function_calls>",
                ),
                between="<|eom|><|start|>assistant",
                closes="<|eot|>",
            ),
        ),
        Tags('<atem:parameter name="', '">', "</atem:parameter>\n", attributes=True),
        reasoning=ReasoningFormat(" to=self<|message|>", "<|eom|>"),
        names=f"(?!(?:self|user)$){NAMES}",
        messages=MessageFormat(
            next="<|start|>assistant",
            end="<|eom|>",
            last="<|eot|>",
            preamble=" to=user<|message|>",
            answer=" to=user<|message|>",
            needs=("<|start|>", "<|message|>", "<|eom|>", "<|eot|>"),
        ),
    ),
    ToolFormat(
        "functionary-v3.2",
        (CallForm((NAME, "\n", ARGUMENTS), between=">>>"),),
        names=f"(?!all$){NAMES}",
        messages=MessageFormat(next=">>>", end="", last="", preamble="all\n", answer="all\n"),
    ),
    # ------------------------------------------------------------------ one tag per parameter
    _function_xml("qwen3-coder", "<tool_call>", "\n", "</tool_call>"),
    _function_xml("mimo", "<tool_call>", "", "</tool_call>"),
    ToolFormat(
        "seed-oss",
        (
            CallForm(
                ("<seed:tool_call>\n<function=", NAME, ">\n", ARGUMENTS, "</function>\n</seed:tool_call>"), between="\n"
            ),
        ),
        Tags("<parameter=", ">", "</parameter>\n"),
        reasoning=ReasoningFormat("<seed:think>", "</seed:think>"),
        gap="\n",
    ),
    _keys_and_values("glm-4.5", "", "\n"),
    _keys_and_values("glm-4.7", "", ""),
    _keys_and_values("longcat", "longcat_", ""),
    ToolFormat(
        "minimax-m2",
        (
            CallForm(
                ('<invoke name="', NAME, '">\n', ARGUMENTS, "</invoke>\n"),
                "<minimax:tool_call>\n",
                "",
                "</minimax:tool_call>",
            ),
        ),
        Tags('<parameter name="', '">', "</parameter>\n"),
        reasoning=THINK,
        gap="\n",
    ),
    ToolFormat(
        "minicpm5",
        (CallForm(('<function name="', NAME, '">', ARGUMENTS, "</function>"), between="\n"),),
        Tags(
            '<param name="',
            '">',
            "</param>",
            quotes=("<![CDATA[", "]]>"),
            quoted="<&\n",
            attributes=True,
            words=PYTHON_WORDS,
        ),
        reasoning=THINK,
    ),
    _dsml("deepseek-v3.2", "function_calls"),
    _dsml("deepseek-v4", "tool_calls"),
    _hunyuan("hunyuan-3", ""),
    _hunyuan("hunyuan-3-opensource", ":opensource"),
    ToolFormat(
        "kimi-k3",
        (
            CallForm(
                ('<|open|>call tool="', NAME, '" index="', PLACE, '"<|sep|>', ARGUMENTS, "<|close|>call<|sep|>"),
                "<|open|>tools<|sep|>",
                "",
                "<|close|>tools<|sep|>",
            ),
        ),
        Tags(
            '<|open|>argument key="',
            '" type="string"<|sep|>',
            "<|close|>argument<|sep|>",
            json_colon='" type="{kind}"<|sep|>',
            attributes=True,
        ),
        answer=("<|open|>response<|sep|>", "<|close|>response<|sep|>"),
        answer_first=True,
        ending="<|close|>message<|sep|><|end_of_msg|>",
        reasoning=ReasoningFormat("<|open|>think<|sep|>", "<|close|>think<|sep|>"),
        names=f"(?!.*&){NAMES}",
    ),
    # ------------------------------------------------------------------ literals
    ToolFormat("pythonic", (CallForm(_PYTHON_CALL, "[", ", ", "]", at_start=True, by_name=True),), PYTHON),
    ToolFormat(
        "llama4-pythonic",
        (
            CallForm(_PYTHON_CALL, "[", ", ", "]", at_start=True, by_name=True),
            CallForm(_PYTHON_CALL, "<|python_start|>[", ", ", "]<|python_end|>"),
        ),
        PYTHON,
    ),
    ToolFormat(
        "lfm2",
        (CallForm(_PYTHON_CALL, "<|tool_call_start|>[", ", ", "]<|tool_call_end|>"),),
        PYTHON_DOUBLE,
        reasoning=THINK,
    ),
    ToolFormat("olmo-3", (CallForm(_PYTHON_CALL, "<function_calls>\n", "\n", "\n</function_calls>"),), PYTHON_DOUBLE),
    _gemma("gemma-4", "<|tool_call>", "<tool_call|>", '<|"|>', True),
    _gemma("function-gemma", "<start_function_call>", "<end_function_call>", "<escape>", False),
)

FORMATS: Mapping[str, ToolFormat] = MappingProxyType({each.name: each for each in _FORMATS})
