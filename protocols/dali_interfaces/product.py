"""The descriptor of a DALI interface product: all that the rest of Lichtmast must know of it, beside its codec.

The module of a codec holds one descriptor for each model that it speaks to. A board file names the descriptor by its
short name. The descriptor leads to the driver and the emulation, to the bytes that light the street when the agent is
gone, and to the facts that the contract needs.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from protocols.dali.frames import Transmission


class Product:
    """One interface product.

    `name` is the short name that boards write: small letters, digits and underscores. It is the name of the codec's
    module, or of another package's entry point; a further model in one module adds an underscore and more to it.

    `driver` and `emulation` are places, written "package.module:Class"; each is imported when it is used. The driver
    keeps the promises of drivers.interfaces.DaliInterface, the emulation those of hil.devices.street.Interface.
    """

    def __init__(
        self,
        name: str,
        *,
        title: str,
        driver: str,
        emulation: str,
        baud: int,
        messages: "Callable[[int, Transmission, int], list[bytes]]",
        channels: int = 1,
        lines: "tuple[bool, bool] | None" = None,
        greeting: "tuple[bytes, ...]" = (),
        chatter: "tuple[bytes, ...]" = (),
        sends_24_bits: bool = True,
        checks_commands: bool = True,
    ) -> None:
        self.name = name
        self.title = title
        """The product as a catalogue would call it: its maker, its name, its connection."""
        self.driver = driver
        self.emulation = emulation
        self.baud = baud
        self.lines = lines
        """Whether RTS and DTR are asserted; None if the product does not need them."""
        self.channels = channels
        """The number of its DALI buses; a board's `channel` counts them from 1."""
        self.greeting = greeting
        """The messages that a host which waits for no reply sends first, so that the product takes frames."""
        self.messages = messages
        """messages(channel, transmission, priority) returns the messages with which a host that waits for no reply
        sends one frame. `channel` is 1 to `channels`, `priority` 1 to 5. A product that does not repeat a send-twice
        frame gets the message twice."""
        self.chatter = chatter
        """Messages that the product may send unasked: frames of other masters, answers of long ago, noise. The contract
        sends them into every conversation, and none of them may be taken for an answer."""
        self.sends_24_bits = sends_24_bits
        """True if the product sends 24-bit frames, to control devices; otherwise `messages` raises ValueOutOfRange for
        them."""
        self.checks_commands = checks_commands
        """True if the product or its driver notices a command of which one bit was flipped on the line."""
