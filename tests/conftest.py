"""What each test leaves as it found it, in whatever order the tests run."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings


@pytest.fixture(autouse=True)
def log_level() -> Iterator[None]:
    """`demo` and `bench` quieten the agent's log for their process, which is the tests' own here."""
    log = logging.getLogger("lichtmast")
    before = log.level
    yield
    log.setLevel(before)


# A busy machine makes no example wrong; the time limit of a whole test is in the Makefile.
settings.register_profile("lichtmast", deadline=None)
settings.load_profile("lichtmast")
