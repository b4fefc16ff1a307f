"""A value with named fields that may have defaults: what namedtuple lacks on MicroPython."""


class Value:
    """Two values are equal where their class and all their FIELDS are. Nothing changes one after it was made."""

    FIELDS = ()  # type: tuple[str, ...]

    def __eq__(self, other: object) -> bool:
        return self is other or (type(self) is type(other) and self._key() == other._key())

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return "%s(%s)" % (
            type(self).__name__,
            ", ".join(["%s=%r" % (name, getattr(self, name)) for name in self.FIELDS]),
        )

    def _key(self) -> "tuple[object, ...]":
        return tuple([getattr(self, name) for name in self.FIELDS])
