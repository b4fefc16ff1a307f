"""Values that have named fields with defaults, which namedtuple does not offer on MicroPython."""


class Value:
    """A value. Two values are equal if their classes and all their FIELDS are equal. A value never changes after it was
    made."""

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
