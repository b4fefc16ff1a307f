"""Both benches behind one call, for stories that run on emulated and on real lamps alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from agent.config.board import load_board
from hil.stories.benches import Bench, live, local
from hil.stories.boards import Site
from hil.stories.real_bench import RealBench, live_on_a_real_bench


class EitherBench:
    """The real bench of this board, or the emulated bench if `board` is None. `folder` takes the files of a story."""

    def __init__(self, board: Path | None, folder: Path) -> None:
        self.board = board
        self.folder = folder

    def live(
        self, story: Callable[[Bench | RealBench], Awaitable[None]], *, begins: str, program: str, lamps: int = 3
    ) -> None:
        """Lives a story that begins at this local date and time ("2025-12-15 16:30"), with no agent yet.

        `program` is the text of a program file; without fades, a real bench needs only seconds for each step. `lamps`
        is the size of the emulated street; a real bench has the lamps of its board. Times are those of the board's
        zone (emulated: Europe/Amsterdam). Both benches have start_agent, stop_agent, until("20:00:03"), levels,
        all_at(level) and clock.
        """
        if self.board is None:
            live(story, self.folder, begins=begins, site=Site(lamps=lamps, program=program))
        else:
            zone = ZoneInfo(load_board(self.board).timezone)
            live_on_a_real_bench(story, self.board, self.folder, begins=local(begins, zone), program=program)
