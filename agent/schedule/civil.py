"""Dates of the proleptic Gregorian calendar as day numbers, for a platform without `datetime`.

Years are counted from 1 March, so that the leap day comes last and months follow from one division.
"""


def date_of_day(day: int) -> "tuple[int, int, int]":
    """Year, month 1..12 and day of the month 1..31 of a day number; day 0 is 1970-01-01."""
    # Day 0 of the 400-year era is 0000-03-01, which lies 719468 days before 1970-01-01.
    era, of_era = divmod(day + 719468, 146097)
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    march_month = (5 * of_year + 2) // 153
    day_of_month = of_year - (153 * march_month + 2) // 5 + 1
    month = march_month + 3 if march_month < 10 else march_month - 9
    return year + era * 400 + (1 if month <= 2 else 0), month, day_of_month
