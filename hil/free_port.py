"""A loopback port for a server of a story or a test."""

from __future__ import annotations

import random
import socket

# Below the kernel's own choice (ip_local_port_range begins at 32768): a client that keeps trying a port of that range,
# with nobody there, is one day given the same port for its own end, and is connected to itself.
LOWEST, HIGHEST = 12_000, 32_000


def free_port() -> int:
    """A TCP port on the loopback interface that nobody listens on."""
    while True:
        port = random.randint(LOWEST, HIGHEST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
