"""Errors that end a command: the user reads their text as it stands."""


class WrongUse(Exception):
    """The user asked for something that cannot be done; the text says what to write instead."""
