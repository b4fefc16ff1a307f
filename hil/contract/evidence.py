"""The last messages on a bench's serial line and bus, and from its driver: the author of a driver looks at them first
when a test has failed.
"""

from __future__ import annotations

from collections import deque

from hil.devices.street import Street
from hil.observed import frames_on

PIECES, FRAMES, SENTENCES = 16, 8, 4


class Evidence:
    """The evidence of one bench: it listens at the street's port from now on."""

    def __init__(self, street: Street) -> None:
        self._street = street
        self._pieces: deque[tuple[float, str, bytes]] = deque(maxlen=PIECES)
        self._sentences: deque[tuple[float, str]] = deque(maxlen=SENTENCES)
        self._began = street.loop.time()
        assert street.port is not None
        street.port.listener = self._hear

    def text(self) -> str:
        """Returns the last pieces on the line, in hexadecimal and as text, the last frames on the bus, by name, and the
        last sentences that the driver told its listener.

        Times are milliseconds since the bench began; a frame's time is its end.
        """
        lines = ["", f"The last {len(self._pieces)} pieces on the serial line (ms; > from the host, < to the host):"]
        lines += [f"  {1000 * at:10.1f}  {whence}  {_hex(piece)}  {_text(piece)}" for at, whence, piece in self._pieces]
        frames = frames_on(self._street, "", -self._began)[-FRAMES:]
        lines.append(f"The last {len(frames)} frames on the bus (ms):")
        lines += [
            f"  {1000 * frame.at:10.1f}  {frame.content}  {frame.address} {frame.command}"
            + (f" -> {frame.answer}" if frame.answer else "")
            for frame in frames
        ]
        lines.append("The last that the driver told its listener (ms):")
        lines += [f"  {1000 * at:10.1f}  {sentence}" for at, sentence in self._sentences]
        return "\n".join(lines)

    def note(self, sentence: str) -> None:
        """Notes a sentence that the driver has told its listener."""
        self._sentences.append((self._street.loop.time() - self._began, sentence))

    def _hear(self, whence: str, piece: bytes) -> None:
        self._pieces.append((self._street.loop.time() - self._began, whence, piece))


def _hex(piece: bytes) -> str:
    return piece.hex(" ")


def _text(piece: bytes) -> str:
    """Returns the piece as repr shows it, without the b, so that line ends and bytes that are no text stay visible."""
    return repr(piece)[1:]
