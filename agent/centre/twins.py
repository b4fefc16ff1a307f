"""Two gateways of one name, as the collector sees them: senders that take turns.

A gateway that was started again is not mistaken for two: each start of an agent makes another sender, and the earlier
one never comes back.
"""

from __future__ import annotations

from collections import OrderedDict

TURNS_WITHIN_S = 7200.0
"""Two senders that take turns within this time are twins. The broker lets one of them in at a time, for some minutes,
and each has something to send every quarter of an hour."""

MOST_GATEWAYS = 10_000
MOST_SENDERS = 16


class Twins:
    """Remembers which senders speak under which gateway's name."""

    def __init__(self) -> None:
        # gateway -> its senders, the one that spoke last at the end
        self._senders: OrderedDict[str, list[str]] = OrderedDict()
        self._met_at: dict[str, float] = {}

    @property
    def known(self) -> int:
        """How many gateways are remembered: at most MOST_GATEWAYS."""
        return len(self._senders)

    def hear(self, gateway: str, sender: str | None, now: float) -> tuple[bool, bool]:
        """Takes in that this sender spoke at `now` (monotonic seconds). Returns whether two send under this name, and
        whether that is new."""
        if sender is None:
            return False, False
        senders = self._senders.setdefault(gateway, [])
        self._senders.move_to_end(gateway)
        if len(self._senders) > MOST_GATEWAYS:
            forgotten, _ = self._senders.popitem(last=False)
            self._met_at.pop(forgotten, None)
        turns = sender in senders and senders[-1] != sender
        if turns:
            senders.remove(sender)
        if not senders or senders[-1] != sender:
            senders.append(sender)
            del senders[:-MOST_SENDERS]
        met_at = self._met_at.get(gateway)
        if turns:
            self._met_at[gateway] = now
        elif met_at is not None and now - met_at >= TURNS_WITHIN_S:
            met_at = None
            del self._met_at[gateway]
        return gateway in self._met_at, turns and met_at is None
