"""A record as it is committed, and the JSON text (RFC 8259) in which its body lies in the journal."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import NamedTuple


class Record(NamedTuple):
    """One committed record. The times in its body mean nothing unless `clock_valid` is True: it says whether the clock
    could be believed when the record was appended."""

    seq: int
    kind: str
    body: dict[str, object]
    clock_valid: bool


def encoded(body: Mapping[str, object]) -> str:
    """Returns the body as JSON. Raises ValueError or TypeError for values that JSON cannot hold (NaN, bytes)."""
    return json.dumps(body, allow_nan=False, separators=(",", ":"))


def decoded(text: str) -> dict[str, object] | None:
    """Returns the body that `encoded` wrote; None: the text is not a body."""
    try:
        body = json.loads(text, parse_constant=_refused, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _refused(constant: str) -> float:
    raise ValueError(constant)


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refused(digits)
