"""A loopback port for a server of a story or a test."""

from __future__ import annotations

import random
import socket

# Below the range from which the kernel chooses (ip_local_port_range begins at 32768). A client that keeps trying a port
# of that range without a server is one day given this very port for its own end, and is connected to itself.
LOWEST, HIGHEST = 12_000, 32_000


def free_port() -> int:
    """Returns a TCP port on the loopback interface on which no server listens."""
    while True:
        port = random.randint(LOWEST, HIGHEST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
