"""What keeps the lamps of one DALI bus at their levels, part by part; agent/lamps/control.py puts them together."""
