"""Savings: from register readings to quarters, a baseline and a summary. Pure: no I/O, no clock; used at both ends."""
