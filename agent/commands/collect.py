"""`lichtmast collect`: receives what gateways send, stores it in SQLite, and acknowledges what it has committed.

Until Ctrl-C or SIGTERM, with exit code 0.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from agent.centre.collect import Received, collect
from agent.centre.store import StoreError
from agent.interfaces import Clock

SUMMARY = "receive what gateways send by MQTT and store it in SQLite"
DEFAULT_PORT = 1883


def broker_address(text: str) -> tuple[str, int]:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    else:
        if parts.scheme != "mqtt" or parts.path not in ("", "/") or parts.query or parts.username:
            host = None
    if not host:
        raise argparse.ArgumentTypeError(f"{text!r} is no broker: write mqtt://HOST or mqtt://HOST:PORT")
    return host, port or DEFAULT_PORT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--broker",
        type=broker_address,
        required=True,
        metavar="mqtt://HOST[:PORT]",
        help=f"port {DEFAULT_PORT} by default",
    )
    parser.add_argument("--store", type=Path, required=True, metavar="FILE", help="SQLite file; made where it is not")
    parser.add_argument(
        "--client-id",
        default="lichtmast-collect",
        metavar="ID",
        help="under which the broker keeps messages while this is away; each collector needs its own",
    )


async def run(arguments: argparse.Namespace, clock: Clock) -> int:
    """Until it is stopped. 1 = the store cannot be opened."""
    host, port = arguments.broker
    totals: Counter[str] = Counter()

    def tell(received: Received) -> None:
        if received.problem is not None:
            totals["refused"] += 1
            print(f"{received.gateway}: not stored: {received.problem}", file=sys.stderr)
            return
        totals.update(
            new=received.new, repeated=received.repeated, doubled=received.doubled, conflicting=received.conflicts
        )
        if received.doubled:
            doubled = f"{received.doubled} records are about quarters that others were about; the first ones count."
            print(f"{received.gateway}: {doubled}", file=sys.stderr)
        if received.twin:
            print(f"{received.gateway}: two gateways run under this name: give each one of its own.", file=sys.stderr)
        if received.conflicts:
            conflicting = (
                f"{received.conflicts} records came under numbers that other records have: its journal was restored "
                "from a copy, or two gateways run with one; they are kept in the table conflicts and come again under "
                "a new epoch."
            )
            print(f"{received.gateway}: {conflicting}", file=sys.stderr)

    try:
        await collect(
            host,
            port,
            arguments.store,
            clock,
            client_id=arguments.client_id,
            on_batch=tell,
            on_change=lambda _, sentence: print(sentence, file=sys.stderr),
        )
    except StoreError as error:
        print(error, file=sys.stderr)
        return 1
    except asyncio.CancelledError:
        return 0  # it runs until it is stopped: that is no failure
    finally:
        counts = (f"{totals[name]} {name}" for name in ("new", "repeated", "doubled", "conflicting", "refused"))
        print(f"Records: {', '.join(counts)}.")
    return 0
