"""Lighting classes (EN 13201-2:2015, tables 1 to 3), and how far a step may dim a design before it leaves its class.

The light of a step is its percent of the design's maintained value. It must still reach the class for quiet hours: the
class that the design names for them, or else the next lower class of its kind.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.config.document import Document
from agent.config.tables import Row

# The maintained average of each class, in cd/m2 for M and in lux for C and P.
AVERAGE = {
    **dict(zip(("M1", "M2", "M3", "M4", "M5", "M6"), (2.0, 1.5, 1.0, 0.75, 0.5, 0.3), strict=True)),
    **dict(zip(("C0", "C1", "C2", "C3", "C4", "C5"), (50.0, 30.0, 20.0, 15.0, 10.0, 7.5), strict=True)),
    **dict(zip(("P1", "P2", "P3", "P4", "P5", "P6"), (15.0, 10.0, 7.5, 5.0, 3.0, 2.0), strict=True)),
}
# The maintained minimum of a class, in lux. Only the P classes have one.
MINIMUM = dict(zip(("P1", "P2", "P3", "P4", "P5", "P6"), (3.0, 2.0, 1.5, 1.0, 0.6, 0.4), strict=True))
CLASSES = tuple(AVERAGE)


@dataclass(frozen=True)
class Design:
    """A lighting design: its class, and the class that quiet hours must keep.

    `maintained` is the maintained average at 100 %, in cd/m2 for an M class and in lux for others. `maintained_min` is
    the maintained minimum at 100 % in lux, if it is known.
    """

    lighting_class: str
    maintained: float
    dimmed_class: str
    maintained_min: float | None = None

    @property
    def unit(self) -> str:
        return "cd/m2" if self.lighting_class.startswith("M") else "lx"

    def floor_percent(self) -> float:
        """Returns the lowest percent of a step that keeps the class for quiet hours."""
        floor = AVERAGE[self.dimmed_class] / self.maintained
        if self.maintained_min is not None and self.dimmed_class in MINIMUM:
            floor = max(floor, MINIMUM[self.dimmed_class] / self.maintained_min)
        return 100 * floor


def next_lower(lighting_class: str) -> str:
    """Returns the class below this one, of its kind. The lowest class of a kind is returned unchanged."""
    at = CLASSES.index(lighting_class)
    lower = CLASSES[at + 1] if at + 1 < len(CLASSES) else lighting_class
    return lower if lower[0] == lighting_class[0] else lighting_class


def design_of(row: Row) -> Design | None:
    """Returns the lighting design that a checked row states, or None if it states none."""
    if not row.has("lighting_class", "maintained"):
        return None
    lighting_class = row.text("lighting_class")
    return Design(
        lighting_class,
        row.number("maintained"),
        row.text("dimmed_class") if row.has("dimmed_class") else next_lower(lighting_class),
        row.number("maintained_min") if row.has("maintained_min") else None,
    )


def check_design(document: Document, row: Row) -> None:
    """Reports a class without a maintained value (or the reverse), a value below its class, and a dimmed class that is
    not of the same kind or is above it."""
    written = [key for key in ("lighting_class", "maintained", "maintained_min", "dimmed_class") if key in row.written]
    for needed in ("lighting_class", "maintained"):
        if written and needed not in row.written:
            document.report((*row.where, written[0]), f"{written[0]} stands without {needed}: write both")
            return
    if not row.has("lighting_class", "maintained"):
        return
    lighting_class, maintained = row.text("lighting_class"), row.number("maintained")
    unit = "cd/m2" if lighting_class.startswith("M") else "lx"
    if maintained < AVERAGE[lighting_class]:
        document.report(
            (*row.where, "maintained"),
            f"maintained = {maintained:g} {unit} is below class {lighting_class} ({AVERAGE[lighting_class]:g} {unit}):"
            " correct it, or write the class that the design reaches",
        )
    if row.has("dimmed_class"):
        dimmed = row.text("dimmed_class")
        if dimmed[0] != lighting_class[0] or CLASSES.index(dimmed) < CLASSES.index(lighting_class):
            document.report(
                (*row.where, "dimmed_class"),
                f'dimmed_class = "{dimmed}" is no class below {lighting_class}: write one such as'
                f' "{next_lower(lighting_class)}"',
            )
