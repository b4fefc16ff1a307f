"""The conditions that an interface driver tells its listener: of a bus or, with channel 0, of the whole interface."""

CONNECTED = "connected"
LOST = "lost"
POWERED = "powered"
UNPOWERED = "unpowered"
