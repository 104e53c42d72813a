"""See the grammar think: importing this makes notebooks show grammars, matchers and generations.

    import constrained.notebook

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

__all__ = ["Drawing", "ReportView", "TokenView", "draw", "register", "report", "tokens"]

register()
