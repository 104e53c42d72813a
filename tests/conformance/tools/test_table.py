"""The table in docs/tools.md says of every family what judges it, and these tests are what does."""

from grammars.tools.tables import FORMATS
from tests.conformance.tools.oracles import ELSEWHERE, ORACLES
from tests.conformance.tools.templates import NAMES, conventions
from tests.conformance.tools.test_chat_templates import family_of
from tests.support.shared_data import CHECKOUT


def table() -> dict[str, tuple[str, str]]:
    """Format -> (its readers, its status)."""
    rows = [
        [cell.strip() for cell in line.strip("|").replace("\\|", "").split("|")]
        for line in (CHECKOUT / "docs" / "tools.md").read_text().splitlines()
        if line.startswith("| `") and line.count(" | ") == 6
    ]
    return {cells[0].strip("`"): (cells[5].replace("`", ""), cells[6]) for cells in rows}


def test_it_has_every_format_and_names_those_who_read_it():
    readers = {
        family: ", ".join(name for name, _ in (*ORACLES.get(family, ()), *ELSEWHERE.get(family, ()))) or "-"
        for family in FORMATS
    }
    assert {family: names for family, (names, _) in table().items()} == readers


def test_its_status_says_how_a_format_is_judged():
    for family, (readers, status) in table().items():
        assert status.startswith("read back") == (readers != "-"), family
        assert ("rendered" in status) or status.startswith(("read back", "walks")), family


def test_rendered_are_those_that_a_chat_template_at_hand_writes():
    rendered = {family_of(name).name for name in NAMES if conventions(name).writes_calls}
    if rendered:
        assert {family for family, (_, status) in table().items() if "rendered" in status} == rendered
