"""The bench that the stories run on: `--bench=emulated`, or `--bench=BOARD.toml` for a real one."""

from __future__ import annotations

from pathlib import Path

import pytest

EMULATED = "emulated"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--bench", default=EMULATED, metavar="BENCH", help="emulated (default), or the board file of a real bench"
    )


@pytest.fixture
def real_board(request: pytest.FixtureRequest) -> Path | None:
    """The board of the real bench; None on the emulated one."""
    bench: str = request.config.getoption("--bench")
    return None if bench == EMULATED else Path(bench)


@pytest.fixture
def emulated(real_board: Path | None, tmp_path: Path) -> Path:
    """A folder for a story that needs what only the emulated bench has."""
    if real_board is not None:
        pytest.skip("this story switches faults on, or asks the lamps what is true: it needs --bench=emulated")
    return tmp_path
