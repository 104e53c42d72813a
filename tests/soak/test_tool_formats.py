"""A hundred calls of every family under every setting, by models of random weights: all valid, all read back alike.

A slice of it runs always. The whole of it: `make soak`, or `python -m tests.soak.turns FORMAT...`.
"""

import pytest

from tests.soak.turns import REAL, SETTINGS, Setting, Tally, case, case_names, soak

CALLS = 100
# One family for every way to write arguments, to open calls and to close turns.
SOME = (
    "smollm2 qwen3-coder glm-4.7 minicpm5 deepseek-v3.2 kimi-k3 muse cohere-5 pythonic lfm2 gemma-4 mistral-v13".split()
)


def check(tally: Tally, calls: int) -> None:
    assert tally.wrong == []
    assert tally.calls >= calls


@pytest.mark.parametrize("name", REAL)
def test_a_few_turns_over_the_familys_own_tokenizer(name: str):
    for setting in (Setting("auto", parallel=False), Setting("named", parallel=True)):
        check(soak(case(name), setting, 1, rows=1), 1)


@pytest.mark.model
@pytest.mark.parametrize("name", SOME)
def test_a_turn_over_another_tokenizer_with_the_familys_tokens(name: str):
    check(soak(case(name), Setting("required", parallel=True), 1, rows=1), 1)


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(
    "setting", SETTINGS, ids=lambda one: f"{one.choice}-{'parallel' if one.parallel else 'single'}"
)
@pytest.mark.parametrize("name", case_names())
def test_a_hundred_calls(name: str, setting: Setting):
    check(soak(case(name), setting, CALLS), CALLS)
