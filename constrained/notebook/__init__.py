"""See the grammar think: notebooks show grammars, matchers and generations.

    %load_ext constrained.notebook           (or import it, where there are no magics)

    grammar                                  its picture, its shortest text, its report
    grammar.matcher()                        what may come next, and where it is in the picture
    generate(..., observe=5)                 coloured by origin; what the model wanted at each token
    except GrammarError as error: error      what is refused, where, and what to do

`draw`, `tokens` and `report` make the pieces one by one. Everything is HTML and SVG with its own styles: no
script and no network, so it looks the same in Jupyter, in VS Code, and in a page that was exported.
"""

from constrained.notebook.drawing import Drawing, draw
from constrained.notebook.formatters import register
from constrained.notebook.generation import TokenView, tokens
from constrained.notebook.report import ReportView, report

__all__ = ["Drawing", "ReportView", "TokenView", "draw", "load_ipython_extension", "register", "report", "tokens"]


def load_ipython_extension(_shell: object) -> None:
    """What `%load_ext` calls."""
    register()


register()
