"""What an interface still owes its host: the replies to questions that it answers by itself, in the order asked.

A driver asks one to learn that all that the interface had to say before has arrived. That holds only for the question's
own reply: a late one to an earlier question looks the same, and what comes after it may belong to frames of long ago.
So each question is counted here until its reply is here, for every interface alike.
"""

LATER_BY_S = 0.1
"""A reply may take this much longer than the one before it: USB and a busy host may add so much."""


class Owed:
    """The questions without a reply, oldest first, and how late the newest reply was at most."""

    def __init__(self) -> None:
        self._open: "list[tuple[str, float]]" = []
        self._asked_at = 0.0
        self._late_s = 0.0
        self._replied = False

    def asked(self, kind: str, now: float) -> None:
        """The host has put a question of this kind; what tells one question's reply from another's is the kind."""
        self._open.append((kind, now))
        self._asked_at = now
        self._replied = False

    def replied(self, kind: str, now: float) -> bool:
        """A reply of this kind is here. Whether it is the newest question's own: where older ones of the kind are open,
        it counts as the oldest's. Questions of other kinds before that one were passed over: theirs were lost."""
        for place in range(len(self._open)):
            if self._open[place][0] == kind:
                self._late_s = now - self._open[place][1]
                self._open = self._open[place + 1 :]
                self._replied = True
                return not self.owes(kind)
        return False

    def owes(self, kind: str) -> int:
        """How many replies of this kind are still to come."""
        return sum(1 for open_kind, _ in self._open if open_kind == kind)

    def due(self, within_s: float) -> float:
        """When the newest question's reply is here at the latest: asked `within_s` ago, or as late as the last one."""
        return self._asked_at + max(within_s, self._late_s + LATER_BY_S)

    def give_up(self) -> bool:
        """Nothing has come when it was due. Whether something has come since the newest question was put: then that
        was its reply, an earlier one was lost on the line, and nothing is owed any more."""
        if self._replied:
            self._open = []
        return self._replied
