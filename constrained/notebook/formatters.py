"""How IPython learns to show our types: a function for each, entered once.

The types of the runtime are entered by name, so that this needs no MLX.
"""

import sys
import warnings
from typing import Any

from constrained.errors import GrammarError
from constrained.matcher import CompiledGrammar, Matcher
from constrained.notebook.engine import grammar_html, matcher_html
from constrained.notebook.generation import tokens
from constrained.notebook.report import error_html
from constrained.notebook.style import page


def register() -> bool:
    """Enter our types into the running IPython; False where there is none."""
    ipython: Any = sys.modules.get("IPython")  # whoever runs in it has imported it
    shell = ipython.get_ipython() if ipython else None
    if shell is None:
        return False
    # transformers' progress bars would rather be widgets; that is nobody's concern who looks at a grammar.
    warnings.filterwarnings("ignore", message="IProgress not found")
    html = shell.display_formatter.formatters["text/html"]
    html.for_type(CompiledGrammar, grammar_html)
    html.for_type(Matcher, matcher_html)
    html.for_type(GrammarError, error_html)
    html.for_type_by_name("constrained.runtime.generated", "Generation", generation_html)
    return True


def generation_html(generation: Any) -> str:
    """A finished generation as coloured text."""
    return page(tokens(generation).body())
