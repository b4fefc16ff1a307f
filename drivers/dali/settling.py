"""How long forward frames let the bus settle: IEC 62386-101 clause 8, five priorities."""

SETTLE_S = (0.0, 0.0135, 0.0149, 0.0163, 0.0179, 0.0195)
"""From the last edge of the frame before, by priority 1-5: the shortest time of each band. Interfaces that take no
priority are settled by the host."""

WITHIN_TRANSACTION = 1
