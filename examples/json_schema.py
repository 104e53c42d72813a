"""JSON that satisfies a schema, token by token; what the grammar had already decided is shown in brackets."""

from constrained.runtime import chat_ids, load_model, stream, vocabulary_of
from grammars import compile_json_schema

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 30},
        "country": {"type": "string", "maxLength": 30},
        "population_in_millions": {"type": "integer", "minimum": 0, "maximum": 40},
    },
    "required": ["name", "country", "population_in_millions"],
    "additionalProperties": False,
}

model, tokenizer = load_model()
grammar = compile_json_schema(SCHEMA, vocabulary_of(model, tokenizer))
prompt = chat_ids(tokenizer, [{"role": "user", "content": "Describe the city of Paris as JSON."}])
for token in stream(model, tokenizer, prompt, grammar):
    text = token.text.decode("utf-8", "replace")
    print(f"[{text}]" if token.forced and text else text, end="", flush=True)
print()
