"""The README's example runs as it stands, and prints what its last comment says."""

import re

import pytest

from constrained.errors import ModelError
from constrained.runtime.packaged_model import find_gguf
from tests.support.shared_data import CHECKOUT


@pytest.mark.model
def test_the_example_prints_what_it_says(capsys):
    try:
        find_gguf()
    except ModelError as error:
        pytest.skip(str(error))
    (example,) = re.findall(r"```python\n(.*?)```", (CHECKOUT / "README.md").read_text(), re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})
    assert capsys.readouterr().out.strip() == example.strip().rpartition("# ")[2]
