"""The parts that keep the lamps of one DALI bus at their levels; agent/lamps/control.py puts them together."""
