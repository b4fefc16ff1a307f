"""Descriptors found by name: Lichtmast's own, and those that installed packages declare in an entry points group.

One group a kind. A descriptor of Lichtmast's own is a value in a module of the group's package: in the module of its
name, or in one whose name it goes on with after an underscore (`sci2_2` in `sci2`). Nothing lists it. Other packages
are asked only for a name that is not found so: to scan what is installed takes a small machine's time and memory.
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
    """What each descriptor has."""

    name: str


D = TypeVar("D", bound=Named)
_NAME = re.compile("[a-z][a-z0-9_]{0,39}")


class UnknownName(LookupError):
    """No descriptor has this name, here or in another package."""


class Unusable(Exception):
    """Something has this name and cannot be used. The text says what is wrong with it and what to do."""


@dataclass(frozen=True)
class Group(Generic[D]):
    """The descriptors of one kind. `entry_points` is the group in which other packages declare theirs, `package` the
    package of Lichtmast's own, `kind` their class, and `noun` the word for one in a sentence."""

    entry_points: str
    package: str
    kind: type[D]
    noun: str

    def find(self, name: str) -> D:
        """The descriptor of this name; Lichtmast's own goes before another package's.

        Raises UnknownName, or Unusable where another package's is broken or two packages claim the name.
        """
        if not _NAME.fullmatch(name):
            raise UnknownName(name)
        own = self._own(name)
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
        """Lichtmast's own descriptors, by name."""
        import pkgutil  # a running gateway finds by name, and lists nothing

        places = pkgutil.iter_modules(importlib.import_module(self.package).__path__, f"{self.package}.")
        modules = [importlib.import_module(place.name) for place in places]
        return sorted({one.name: one for module in modules for one in self._in(module)}.values(), key=_name)

    def names(self) -> list[str]:
        """Every name that is known here or offered by another package, whether or not it can be used."""
        return sorted({one.name for one in self.own()} | {entry.name for entry in self._offers()})

    def rivals(self, name: str) -> list[str]:
        """The packages that offer a name which Lichtmast's own descriptor has; theirs is never used."""
        return sorted(_package_of(entry) for entry in self._offers() if entry.name == name and self._own(name))

    def _own(self, name: str) -> D | None:
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
                raise  # it is there, and imports what is not
            return None

    def _in(self, module: ModuleType) -> list[D]:
        return [value for value in vars(module).values() if isinstance(value, self.kind)]

    def _offers(self) -> list[EntryPoint]:
        """What installed packages declare in this group; a package whose own files are broken declares nothing."""
        from importlib import metadata

        offers: dict[str, list[EntryPoint]] = {}
        for package in metadata.distributions():
            try:
                # One may be found twice, as its sources and as installed: the first one is what Python imports.
                offers.setdefault(package.name.lower().replace("_", "-"), list(package.entry_points))
            except Exception:  # noqa: BLE001, S112 - of any package on this machine, whatever is wrong with it
                continue
        return [entry for found in offers.values() for entry in found if entry.group == self.entry_points]

    def _loaded(self, entry: EntryPoint) -> D:
        whose = f"the package {_package_of(entry)}"
        try:
            found = entry.load()
        except Exception as error:
            raise Unusable(f"{whose} offers it, but {_why(entry.value, error)}: repair or reinstall it") from error
        if not isinstance(found, self.kind) or found.name != entry.name:
            is_one = isinstance(found, self.kind)
            was = f'the name "{found.name}"' if is_one else f"something else ({type(found).__name__})"
            wanted = f"{self.kind.__module__}.{self.kind.__qualname__}"
            raise Unusable(
                f"{whose} offers {was} at {entry.value}: its entry point must lead to a {wanted}"
                f' of the name "{entry.name}"'
            )
        return found


def part(place: str) -> type:
    """The class at "package.module:Class". Raises Unusable with a sentence where it cannot be imported."""
    module_name, _, class_name = place.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except Exception as error:
        raise Unusable(f"{_why(place, error)}: repair or reinstall its package") from error
    if not isinstance(found, type):
        raise Unusable(f"{place} is no class: correct its place in the descriptor")
    return found


def _why(place: str, error: Exception) -> str:
    """What is wrong with a place, on one line, however much the error says."""
    text = " ".join(str(error).split())
    return f"{place} cannot be imported ({type(error).__name__}{': ' if text else ''}{text[:200]})"


def _package_of(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "of no name"


def _name(one: Named) -> str:
    return one.name
