"""`lichtmast collect`: receives what gateways send, stores it in SQLite, and acknowledges what it has committed.

It runs until Ctrl-C or SIGTERM, and then ends with exit code 0.
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
    """Adds the verb's arguments."""
    parser.add_argument(
        "--broker",
        type=broker_address,
        required=True,
        metavar="mqtt://HOST[:PORT]",
        help=f"the MQTT broker (default port: {DEFAULT_PORT})",
    )
    parser.add_argument(
        "--store", type=Path, required=True, metavar="FILE", help="the SQLite file; it is made if it does not exist"
    )
    parser.add_argument(
        "--client-id",
        default="lichtmast-collect",
        metavar="ID",
        help="the name under which the broker keeps messages while this collector is away; each needs its own",
    )


async def run(arguments: argparse.Namespace, clock: Clock) -> int:
    """Collects until it is stopped. Returns 1 if the store cannot be opened, otherwise 0."""
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
            doubled = f"{received.doubled} records repeat quarters that are already on record; the earlier ones count."
            print(f"{received.gateway}: {doubled}", file=sys.stderr)
        if received.twin:
            print(
                f"{received.gateway}: two gateways run under this name: give each a name of its own.", file=sys.stderr
            )
        if received.conflicts:
            conflicting = (
                f"{received.conflicts} records came under numbers that other records have: its journal was restored "
                "from a copy, or two gateways share one; they are kept in the table conflicts and come again under "
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
