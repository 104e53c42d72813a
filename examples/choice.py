"""One of a few sentences: the grammar writes what they share, the model decides where they part."""

from constrained.runtime import chat_ids, generate, load_model, vocabulary_of
from grammars import compile_choice

CONTINENTS = ["Africa", "Asia", "Europe", "South America"]

model, tokenizer = load_model()  # the packaged SmolLM2-135M-Instruct
for country in ("Egypt", "Japan", "Brazil", "Italy"):
    sentences = [f"{country} is a country in {continent}." for continent in CONTINENTS]
    grammar = compile_choice(sentences, vocabulary_of(model, tokenizer))
    prompt = chat_ids(tokenizer, [{"role": "user", "content": f"On which continent is {country}?"}])
    print(generate(model, tokenizer, prompt, grammar).text)
