"""A port that answers by a script, and a clock that only a wait moves: enough for a driver under MicroPython."""

import asyncio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from drivers.interfaces import T

IDLE_S = 1.0
"""A wait of at least this time is the watch over an idle bus, which is no part of a script."""


class ScriptedPort:
    """Clock and transport in one. `script` is (what the host must write, ((seconds later, bytes), ...)) in order."""

    def __init__(self, script: "tuple[tuple[bytes, tuple[tuple[float, bytes], ...]], ...]") -> None:
        self.script = list(script)
        self.now = 100.0
        self.lines: tuple[bool, bool] | None = None
        self._due: list[tuple[float, bytes]] = []
        self._received: Callable[[bytes], None] | None = None

    async def open(
        self,
        baud: int,
        received: "Callable[[bytes], None]",
        lost: "Callable[[str], None]",
        lines: "tuple[bool, bool] | None" = None,
    ) -> "ScriptedPort":
        self._received = received
        self.lines = lines
        return self

    def write(self, content: bytes) -> None:
        expected, answers = self.script.pop(0)
        assert content == expected, (content, expected)
        self._due += [(self.now + seconds, answer) for seconds, answer in answers]

    def close(self) -> None:
        self._due = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self._run_until(self.now + max(0.0, seconds))
        await asyncio.sleep(0)

    async def wait_for(self, awaitable: "Awaitable[T]", seconds: float) -> "T":
        result: list[T] = []

        async def wait() -> None:
            result.append(await awaitable)

        until = self.now + seconds
        waiting = asyncio.create_task(wait())
        await _let_others_run()
        while not result and self._due and self._due[0][0] <= until:
            self._run_until(self._due[0][0])
            await _let_others_run()
        if not result and seconds >= IDLE_S:
            await waiting
        if not result:
            waiting.cancel()
            self._run_until(until)
            raise asyncio.TimeoutError  # noqa: UP041 - MicroPython has no builtin of that name
        return result[0]

    def _run_until(self, until: float) -> None:
        while self._due and self._due[0][0] <= until:
            at, content = self._due.pop(0)
            self.now = max(self.now, at)
            assert self._received is not None
            self._received(content)
        self.now = max(self.now, until)


async def _let_others_run() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def run(story: "Callable[[], Coroutine[object, object, T]]") -> "T":
    """Runs the story and returns its result, under CPython or MicroPython."""
    return asyncio.run(story())
