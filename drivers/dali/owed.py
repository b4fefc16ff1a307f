"""The replies that an interface still owes its host, to questions that it answers by itself and in their order.

A driver asks such a question to learn that all earlier messages of the interface have arrived. Only the question's own
reply proves that: a late reply to an earlier question looks alike, and messages after it may belong to frames of long
ago. So each question counts here as open until its reply has arrived.
"""

LATER_BY_S = 0.1
"""A reply may take this much longer than the one before it: USB and a busy host may add this delay."""


class Owed:
    """The questions without a reply, oldest first, and an upper bound of the newest reply's delay."""

    def __init__(self) -> None:
        self._open: "list[tuple[str, float]]" = []
        self._asked_at = 0.0
        self._late_s = 0.0
        self._replied = False

    def asked(self, kind: str, now: float) -> None:
        """Notes that the host has put a question of this kind at `now`. Replies are told apart only by their kind."""
        self._open.append((kind, now))
        self._asked_at = now
        self._replied = False

    def replied(self, kind: str, now: float) -> bool:
        """Notes a reply of this kind at `now`. Returns True if it is the newest question's own.

        If several questions of the kind are open, the reply counts as the oldest one's. Replies to earlier questions of
        other kinds count as lost.
        """
        for place in range(len(self._open)):
            if self._open[place][0] == kind:
                self._late_s = now - self._open[place][1]
                self._open = self._open[place + 1 :]
                self._replied = True
                return not self.owes(kind)
        return False

    def owes(self, kind: str) -> int:
        """Returns the number of replies of this kind that are still to come."""
        return sum(1 for open_kind, _ in self._open if open_kind == kind)

    def due(self, within_s: float) -> float:
        """Returns the latest time of the newest question's reply: `within_s` after the question, or later if the last
        reply was later."""
        return self._asked_at + max(within_s, self._late_s + LATER_BY_S)

    def give_up(self) -> bool:
        """Takes that no reply came when it was due. Returns True if a reply has come since the newest question.

        Then that was the newest question's own, an earlier one was lost on the line, and the interface owes no more.
        """
        if self._replied:
            self._open = []
        return self._replied
