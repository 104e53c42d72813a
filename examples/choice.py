"""One of a few words: the model weighs them, nothing else can be said."""

from constrained.runtime import chat_ids, generate, load_model, vocabulary_of
from grammars import compile_choice

model, tokenizer = load_model()  # the packaged SmolLM2-135M-Instruct
feeling = compile_choice(["positive", "negative", "neutral"], vocabulary_of(model, tokenizer))
for review in ("I loved every minute of it!", "It broke after two days."):
    prompt = chat_ids(tokenizer, [{"role": "user", "content": f"Is this review positive or negative? {review}"}])
    print(f"{generate(model, tokenizer, prompt, feeling).text:10} {review}")
