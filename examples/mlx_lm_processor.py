"""A grammar as a logits processor, in mlx-lm's own loop: the one line that an existing program adds."""

from constrained.runtime import GrammarProcessor, chat_ids, load_model, vocabulary_of

# isort: split
# (constrained.runtime comes first, so that it can choose a faster BLAS on Linux before MLX is loaded)

import mlx_lm

from grammars import compile_regex

model, tokenizer = load_model()
date = compile_regex(r"[12][0-9]{3}-(0[1-9]|1[0-2])-[0-3][0-9]", vocabulary_of(model, tokenizer))
prompt = chat_ids(tokenizer, [{"role": "user", "content": "When did the first human land on the Moon?"}])
for answer in mlx_lm.stream_generate(model, tokenizer, prompt, logits_processors=[GrammarProcessor(date)]):
    print(answer.text, end="", flush=True)
print()
