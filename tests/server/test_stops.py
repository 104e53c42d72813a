"""Stop strings: what may be said of a text that comes in pieces."""

from hypothesis import given
from hypothesis import strategies as st

from server.stops import Stops

TEXTS = st.text("ab", max_size=12)


def by_definition(text: str, stops: list[str]) -> tuple[str, str | None]:
    """The text before the stop string that is complete first, of several the longest, and that string."""
    for end in range(len(text) + 1):
        complete = [stop for stop in stops if text[:end].endswith(stop)]
        if complete:
            found = max(complete, key=len)
            return text[: end - len(found)], found
    return text, None


@given(st.lists(TEXTS, max_size=6), st.lists(st.text("ab", min_size=1, max_size=4), max_size=3))
def test_pieces_say_what_the_whole_would(pieces: list[str], stops: list[str]) -> None:
    looking, said = Stops(stops), ""
    for piece in pieces:
        said += looking.feed(piece)
    said += looking.rest()
    assert (said, looking.found) == by_definition("".join(pieces), stops)


def test_nothing_of_a_stop_string_is_said_before_it_is_certain() -> None:
    looking = Stops(["END"])
    assert [looking.feed("go on E"), looking.feed("N"), looking.feed("Jena")] == ["go on ", "", "ENJena"]
    assert looking.found is None
