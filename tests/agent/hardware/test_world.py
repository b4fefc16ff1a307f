"""The world is told to the clock that can jump; the machine's clock has nothing to hear."""

from __future__ import annotations

from agent.clock import MachineClock
from agent.hardware.world import world_of
from hil.virtual_time import VirtualClock, run_virtual


def test_a_virtual_clock_hears_of_the_world() -> None:
    async def story(clock: VirtualClock) -> None:
        assert world_of(clock) is clock

    run_virtual(story, 0.0)


def test_the_machines_clock_needs_to_hear_nothing() -> None:
    world = world_of(MachineClock())
    with world.waiting_for_the_world("a broker"):
        world.bytes_written("port", 1)
        world.bytes_read("port", 1)
        world.port_closed("port")
