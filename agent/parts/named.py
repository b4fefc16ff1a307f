"""Finds descriptors by name: Lichtmast's own, and those that installed packages declare as entry points.

Each kind of descriptor has its group. A descriptor of Lichtmast's own is a value in a module of the group's package.
The module bears the descriptor's name or the beginning of it, up to an underscore (`sci2_2` stands in `sci2`); no list
names it. Other packages are searched only if Lichtmast has no descriptor of that name, because the search costs a small
machine time and memory.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class Named(Protocol):
    """A descriptor: a value that has a name."""

    name: str


D = TypeVar("D", bound=Named)
_NAME = re.compile("[a-z][a-z0-9_]{0,39}")


class UnknownName(LookupError):
    """No descriptor has this name, neither in Lichtmast nor in another package."""


class Unusable(Exception):
    """A descriptor, or a class that it names, cannot be used. The text says what is wrong and what to do."""


@dataclass(frozen=True)
class Group(Generic[D]):
    """The descriptors of one kind.

    `package` holds Lichtmast's own, and `entry_points` is the entry points group in which other packages declare
    theirs. `kind` is the class of a descriptor, `noun` its word in a sentence.
    """

    entry_points: str
    package: str
    kind: type[D]
    noun: str

    def find(self, name: str) -> D:
        """Returns the descriptor of this name; Lichtmast's own goes before another package's.

        Raises UnknownName if there is none, or Unusable if another package's descriptor is broken or two packages
        offer one of this name.
        """
        if not _NAME.fullmatch(name):
            raise UnknownName(name)
        own = self.own_of(name)
        if own is not None:
            return own
        offers = [entry for entry in self._offers() if entry.name == name]
        if not offers:
            raise UnknownName(name)
        if len(offers) > 1:
            packages = " and ".join(sorted(_package_of(entry) for entry in offers))
            raise Unusable(f"the packages {packages} both offer a {self.noun} {name}: uninstall one of them")
        return self._loaded(offers[0])

    def own(self) -> list[D]:
        """Returns Lichtmast's own descriptors, sorted by name."""
        import pkgutil  # imported here because a running gateway never needs it: it finds by name

        places = pkgutil.iter_modules(importlib.import_module(self.package).__path__, f"{self.package}.")
        modules = [importlib.import_module(place.name) for place in places]
        return sorted({one.name: one for module in modules for one in self._in(module)}.values(), key=_name)

    def names(self) -> list[str]:
        """Returns every name that Lichtmast knows or another package offers, also those that cannot be used."""
        return sorted({one.name for one in self.own()} | {entry.name for entry in self._offers()})

    def rivals(self, name: str) -> list[str]:
        """Returns the packages that offer a descriptor of this name although Lichtmast has one. Theirs is never
        used."""
        return sorted(_package_of(entry) for entry in self._offers() if entry.name == name and self.own_of(name))

    def own_of(self, name: str) -> D | None:
        """Returns Lichtmast's own descriptor of this name, or None. Runs no code of another package."""
        parts = name.split("_")
        for count in range(len(parts), 0, -1):
            module = self._module("_".join(parts[:count]))
            found = next((one for one in self._in(module) if one.name == name), None) if module else None
            if found is not None:
                return found
        return None

    def _module(self, name: str) -> ModuleType | None:
        place = f"{self.package}.{name}"
        try:
            return importlib.import_module(place)
        except ModuleNotFoundError as error:
            if error.name != place:
                raise  # the module exists, but imports another one that does not
            return None

    def _in(self, module: ModuleType) -> list[D]:
        return [value for value in vars(module).values() if isinstance(value, self.kind)]

    def _offers(self) -> list[EntryPoint]:
        """Returns the entry points of this group in all installed packages. A package with broken files offers none."""
        from importlib import metadata

        offers: dict[str, list[EntryPoint]] = {}
        for package in metadata.distributions():
            try:
                # A package may be found twice, as sources and as installed; Python imports the first.
                offers.setdefault(package.name.lower().replace("_", "-"), list(package.entry_points))
            except Exception:  # noqa: BLE001, S112 - any package on this machine may be broken in any way
                continue
        return [entry for found in offers.values() for entry in found if entry.group == self.entry_points]

    def _loaded(self, entry: EntryPoint) -> D:
        package = f"the package {_package_of(entry)}"
        try:
            found = entry.load()
        except (Exception, SystemExit) as error:  # a package that exits must not take the agent with it
            sentence = f"{package} offers it, but {_import_failure(entry.value, error)}: repair or reinstall it"
            raise Unusable(sentence) from error
        if not isinstance(found, self.kind) or found.name != entry.name:
            is_one = isinstance(found, self.kind)
            was = f'the name "{found.name}"' if is_one else f"something else ({type(found).__name__})"
            wanted = f"{self.kind.__module__}.{self.kind.__qualname__}"
            raise Unusable(
                f"{package} offers {was} at {entry.value}: its entry point must lead to a {wanted}"
                f' of the name "{entry.name}"'
            )
        return found


def part(place: str) -> type:
    """Returns the class at a place such as "package.module:Class". Raises Unusable with a sentence if it cannot be
    imported."""
    module_name, _, class_name = place.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (Exception, SystemExit) as error:
        raise Unusable(f"{_import_failure(place, error)}: repair or reinstall its package") from error
    if not isinstance(found, type):
        raise Unusable(f"{place} is no class: correct its place in the descriptor")
    return found


def _import_failure(place: str, error: BaseException) -> str:
    """Returns a phrase of one line that says why a place cannot be imported. The text of a long error is cut."""
    text = " ".join(str(error).split())
    return f"{place} cannot be imported ({type(error).__name__}{': ' if text else ''}{text[:200]})"


def _package_of(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "of no name"


def _name(one: Named) -> str:
    return one.name
