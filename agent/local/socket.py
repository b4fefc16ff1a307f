"""The local socket: a process on the gateway asks the running agent a question, and gets one answer.

The socket lies in the state folder, and only the agent's own user may open it. A question is a JSON object on one line,
{"ask": NAME}; the answer is a JSON object on one line, {"answer": ...} or {"error": SENTENCE}. Then the agent closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from agent.hardware.private_socket import private_socket
from agent.interfaces import Clock

log = logging.getLogger("lichtmast")

SOCKET = "agent.sock"
MOST_QUESTION_BYTES = 4096
MOST_ANSWER_BYTES = 1 << 20
MOST_AT_ONCE = 8
"""So many may ask at the same time; the next is sent away at once."""
QUESTION_WITHIN_S = 5.0
"""A process that connects must ask, and take its answer, within this time."""
ANSWER_WITHIN_S = 10.0
"""An agent that does not answer within this time is called hung."""

Answer = Callable[[], object]
"""Returns what the agent says to one question: anything that JSON can hold."""


class NoAgent(Exception):
    """No agent answers at the socket. The text says why, and what to do."""


class LocalSocket:
    """The agent's end. `answers` gives what is said to each question, by its name."""

    def __init__(self, answers: Mapping[str, Answer], clock: Clock) -> None:
        self._answers = answers
        self._clock = clock
        self._server: asyncio.Server | None = None
        self._path: Path | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def open(self, path: Path) -> None:
        """Listens at this path. If that is impossible, the log says so, and the agent goes on without."""
        try:
            listening = private_socket(path)
            self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=MOST_QUESTION_BYTES)
        except OSError as error:
            log.warning("the agent cannot be asked: the socket %s cannot be made: %s", path, error)
            return
        self._path = path

    def close(self) -> None:
        """Closes the socket, and ends every conversation."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._path = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= MOST_AT_ONCE:
            writer.transport.abort()
            return
        self._open.add(writer)
        try:
            await self._clock.wait_for(self._converse(reader, writer), QUESTION_WITHIN_S)
        except (OSError, ValueError, TimeoutError) as error:
            log.debug("a process that asked was sent away: %s", error)
        finally:
            self._open.discard(writer)
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps(self._said_to(await reader.readline())).encode() + b"\n")
        await writer.drain()

    def _said_to(self, line: bytes) -> dict[str, object]:
        try:
            question = json.loads(line)
        except (ValueError, RecursionError):
            return {"error": "a question is one line of JSON"}
        name = question.get("ask") if isinstance(question, dict) else None
        if not isinstance(name, str) or name not in self._answers:
            return {"error": f"this agent is asked one of: {', '.join(sorted(self._answers))}"}
        try:
            return {"answer": self._answers[name]()}
        except Exception as error:
            # A question must never end a part of the agent.
            log.warning("the agent could not answer the question %s: %s", name, error, exc_info=True)
            return {"error": f"the agent could not work out its {name}: {error}"}


async def ask(state: Path, name: str, clock: Clock) -> object:
    """Returns what the agent of this state folder says to the question `name`. Raises NoAgent."""
    path = state / SOCKET
    try:
        return await clock.wait_for(_asked(path, name), ANSWER_WITHIN_S)
    except (FileNotFoundError, ConnectionRefusedError):
        raise NoAgent(f"no agent runs on {state}: start `lichtmast run`, or name its folder with --state") from None
    except TimeoutError:
        raise NoAgent(f"the agent of {state} did not answer within {ANSWER_WITHIN_S:g} s: restart it") from None
    except PermissionError:
        raise NoAgent(f"{path} is not open to this user: run this as the agent's user") from None
    except (OSError, ValueError) as error:
        raise NoAgent(f"the agent of {state} gave no answer ({error}): ask again") from None


async def _asked(path: Path, name: str) -> object:
    reader, writer = await asyncio.open_unix_connection(path, limit=MOST_ANSWER_BYTES)
    try:
        writer.write(json.dumps({"ask": name}).encode() + b"\n")
        line = await reader.readline()
        if not line:
            raise ValueError("it closed at once")
        said = json.loads(line)
        if "answer" not in said:
            raise ValueError(str(said.get("error")))
        return said["answer"]
    finally:
        writer.close()
