"""The one source of the version (SemVer), and the day it was released: no honest clock is before that day."""

__version__ = "0.1.0"
RELEASED = "2026-11-22"
