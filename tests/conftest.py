"""What each test leaves as it found it, in whatever order the tests run."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def log_level() -> Iterator[None]:
    """`demo` and `bench` quieten the agent's log for their process, which is the tests' own here."""
    log = logging.getLogger("lichtmast")
    before = log.level
    yield
    log.setLevel(before)
