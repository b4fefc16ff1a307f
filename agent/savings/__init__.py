"""Turns register readings into quarters, a baseline and a summary of the saving.

The code is pure: it does no I/O and reads no clock. The gateway and the operator's end both use it.
"""
