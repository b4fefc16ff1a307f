"""The conditions that can disturb the target level of a luminaire: each has a name and a sentence.

The agent makes an event of a condition, under its name and with its sentence.
"""

from agent.schedule import photocells

CLOCK_UNKNOWN = "clockInvalid"
UNKNOWN_LUMINAIRE = "luminaireNotPlanned"
WHITE_NIGHT = "sunDoesNotSet"
POLAR_NIGHT = "sunDoesNotRise"
CONDITIONS = {
    CLOCK_UNKNOWN: "the clock cannot be believed: the lamps burn at the safe level, or by the photocell, until a"
    " network tells the time",
    UNKNOWN_LUMINAIRE: "no plan knows this luminaire: it burns at the safe level",
    WHITE_NIGHT: "the sun does not set in this night: lamps that are switched by the sun stay off",
    POLAR_NIGHT: "the sun does not rise or set on this day: lamps that are switched by the sun burn through it",
    photocells.CONTRADICTS: "the photocell contradicts the sun by more than an hour: the lamps burn; test it",
    photocells.FLICKERS: "the photocell flickers: it counts as dark until it has been steady for five minutes; test it",
    photocells.SILENT: "the photocell is silent: the lamps are switched by the program's on and off instead",
}
