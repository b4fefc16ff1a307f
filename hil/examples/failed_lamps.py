"""Lights a street and finds its failed lamps, with python-dali 0.16: an example of other people's software.

    python hil/examples/failed_lamps.py PORT COUNT

PORT is the serial port of an ATX LED DALI HAT, real or emulated. The program expects COUNT gear at short addresses from
0 on. It exits with 1 if a lamp has failed or a gear does not answer.
"""

from __future__ import annotations

import logging
import sys

from dali.address import GearBroadcast, GearShort
from dali.driver.atxled import SyncDaliHatDriver
from dali.gear.general import DAPC, QueryActualLevel, QueryStatus


def state_of(driver: SyncDaliHatDriver, short_address: int) -> tuple[str, bool]:
    """Returns the state that this gear reports, in words, and True if all is well."""
    try:
        level = driver.send(QueryActualLevel(GearShort(short_address))).raw_value
        status = driver.send(QueryStatus(GearShort(short_address)))
    except TypeError:
        # The driver raises TypeError on X, the HAT's word for an answer that breaks the bit timing: found by emulation.
        return "an answer that cannot be read", False
    if level is None and status.raw_value is None:
        return "no answer", False
    words = "no level" if level is None else f"level {level.as_integer}"
    failed = status.raw_value is not None and status.lamp_failure
    return words + (", lamp failure" if failed else ""), level is not None and not failed


def main(port: str, count: int) -> int:
    driver = SyncDaliHatDriver(port, LOG=logging.getLogger("dali"))
    try:
        driver.send(DAPC(GearBroadcast(), 254))
        states = [state_of(driver, short_address) for short_address in range(count)]
    finally:
        driver.close()
    for short_address, (words, _) in enumerate(states):
        sys.stdout.write(f"{short_address}: {words}\n")
    return 0 if all(well for _, well in states) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
