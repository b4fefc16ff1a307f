"""The times for which forward frames let the bus settle: IEC 62386-101 clause 8, five priorities."""

SETTLE_S = (0.0, 0.0135, 0.0149, 0.0163, 0.0179, 0.0195)
"""The shortest time of each band, by priority 1-5, from the last edge of the frame before. For an interface that takes
no priority, the host waits for it."""

WITHIN_TRANSACTION = 1
