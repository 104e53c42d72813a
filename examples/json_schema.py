"""JSON that satisfies a schema, token by token; what the grammar had already decided is shown in brackets."""

from constrained.runtime import chat_ids, load_model, stream, vocabulary_of
from grammars import compile_json_schema

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 30},
        "country": {"type": "string", "maxLength": 30},
        "founded": {"type": "integer", "minimum": 1, "maximum": 2025},
    },
    "required": ["name", "country", "founded"],
}

model, tokenizer = load_model()
grammar = compile_json_schema(SCHEMA, vocabulary_of(model, tokenizer))
prompt = chat_ids(
    tokenizer,
    [{"role": "user", "content": "Tell me about the company Toyota: name, country and the year it was founded."}],
)
for token in stream(model, tokenizer, prompt, grammar):
    text = token.text.decode("utf-8", "replace")
    print(f"[{text}]" if token.forced and text else text, end="", flush=True)
print()
