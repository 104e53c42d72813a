"""Settings for every test: how random examples are drawn.

`default` draws the same examples every time, so that a red run is red for everybody. `nightly`
draws new ones, many more: `pytest --hypothesis-profile nightly`.
"""

import pytest
from hypothesis import HealthCheck, settings

from constrained.native import finder

# Compiling a kernel or a grammar inside the first example is slow and no defect of the strategy.
settings.register_profile(
    "default",
    max_examples=60,
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("nightly", settings.get_profile("default"), max_examples=3_000, derandomize=False)
settings.load_profile("default")


def pytest_report_header() -> str:
    """Which engine the tests run: make test compiles it once, and edited sources run interpreted until make native."""
    return f"engine: {finder.engine()}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Compiled code calls functions and reads constants directly: what a test puts in their place, it does not see."""
    if finder.engine().is_compiled:
        skipped = pytest.mark.skip(reason="replaces what compiled code calls directly; CONSTRAINED_NATIVE=0 runs it")
        for item in items:
            if item.get_closest_marker("interpreted"):
                item.add_marker(skipped)
