"""Checks the buses of a board: names of their own, interfaces that are known, one owner for each channel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from agent.config.board_checks import check_no_repeats
from agent.config.document import Document
from agent.config.problems import Problem, did_you_mean, shown
from agent.config.tables import Row
from agent.parts.interfaces import INTERFACES
from agent.parts.named import UnknownName, Unusable, part
from protocols.dali_interfaces.product import Product


def check_buses(document: Document, rows: Sequence[Row]) -> None:
    """Reports names and channels that are used twice, interfaces that are not known or do not have the channel, and
    ports that two interfaces share."""
    check_no_repeats(document, rows, ("name",), "give each bus a name of its own")
    check_no_repeats(document, rows, ("port", "channel"), "give one of them another port or channel")
    owner: dict[str, Row] = {}
    for row in rows:
        if not row.has("interface"):
            continue
        interface = row.text("interface")
        where = (*row.where, "interface")
        try:
            _check_channel(document, row, INTERFACES.find(interface))
        except UnknownName:
            remedy = did_you_mean(interface, INTERFACES.names())
            document.report(where, f"interface = {shown(interface)} is not known: {remedy}")
        except Unusable as error:
            document.report(where, f"interface = {shown(interface)}: {error}")
        if not row.has("port"):
            continue
        first = owner.setdefault(row.text("port"), row)
        if first.text("interface") != interface:
            line = document.line((*first.where, "interface"))
            document.report(
                where,
                f"port {shown(row.text('port'))} has the interface {shown(first.text('interface'))} at line {line}:"
                " one port is one interface, so write the same one or another port",
            )


def _check_channel(document: Document, row: Row, product: Product) -> None:
    if not row.has("channel") or row.whole("channel") <= product.channels:
        return
    channel, most = row.whole("channel"), product.channels
    remedy = "has one bus: write channel = 1" if most == 1 else f"has {most} buses: write a channel from 1 to {most}"
    document.report((*row.where, "channel"), f"channel = {channel}: the interface {product.name} {remedy}")


def driver_problems(document: Document, interfaces: Sequence[str]) -> list[Problem]:
    """Returns a problem for each interface that has no usable driver. `interfaces` are the board's, bus by bus."""
    return list(_unusable(document, interfaces, lambda product: product.driver, "it cannot be driven"))


def interface_findings(document: Document, interfaces: Sequence[str]) -> list[Problem]:
    """Returns the oddities of the interfaces of a board that keep no street dark. `interfaces` are the board's, bus by
    bus.

    Odd is a name that another package offers too, or an emulation that cannot be imported: only `demo`, `emulate` and
    `contract` need it.
    """
    found = list(_unusable(document, interfaces, lambda product: product.emulation, "it cannot be emulated"))
    for place, name in _first_of_each(interfaces):
        rivals = INTERFACES.rivals(name)
        if rivals:
            found.append(
                Problem(
                    document.path,
                    document.line(("bus", place, "interface")),
                    f"the package {', '.join(rivals)} offers an interface {name} too: Lichtmast's own is used, so"
                    " uninstall the package, or write the name that it gives to its own",
                )
            )
    return found


def _unusable(
    document: Document, interfaces: Sequence[str], place_of: Callable[[Product], str], what: str
) -> Iterator[Problem]:
    for place, name in _first_of_each(interfaces):
        try:
            part(place_of(INTERFACES.find(name)))
        except Unusable as error:
            line = document.line(("bus", place, "interface"))
            yield Problem(document.path, line, f"interface = {shown(name)}: {what}: {error}")


def _first_of_each(interfaces: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yields each interface once, after the index of the first bus that has it."""
    return ((interfaces.index(name), name) for name in dict.fromkeys(interfaces))
