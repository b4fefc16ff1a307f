"""Converts dates of the proleptic Gregorian calendar to day numbers and back, for a platform without `datetime`.

Years are counted from 1 March, so that the leap day comes last and one division gives the month. Easter follows from
the anonymous Gregorian algorithm (Meeus, "Astronomical Algorithms", chapter 8).
"""


def date_of_day(day: int) -> "tuple[int, int, int]":
    """Returns the year, the month (1..12) and the day of the month (1..31) of a day number. Day 0 is 1970-01-01."""
    # Day 0 of the 400-year era is 0000-03-01, which lies 719468 days before 1970-01-01.
    era, of_era = divmod(day + 719468, 146097)
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    march_month = (5 * of_year + 2) // 153
    day_of_month = of_year - (153 * march_month + 2) // 5 + 1
    month = march_month + 3 if march_month < 10 else march_month - 9
    return year + era * 400 + (1 if month <= 2 else 0), month, day_of_month


def day_of_date(year: int, month: int, day: int) -> int:
    """Returns the day number of a date. Day 0 is 1970-01-01."""
    if month <= 2:
        year -= 1
    era, of_era = divmod(year, 400)
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


def weekday(day: int) -> int:
    """Returns the weekday of a day number, from 1 (Monday) to 7 (Sunday). Day 0, 1970-01-01, was a Thursday."""
    return (day + 3) % 7 + 1


def days_in_month(year: int, month: int) -> int:
    """Returns how many days a month (1..12) has in a year: 28 to 31."""
    return day_of_date(year + month // 12, month % 12 + 1, 1) - day_of_date(year, month, 1)


def easter(year: int) -> int:
    """Returns the day number of Easter Sunday in a year. Day 0 is 1970-01-01."""
    golden = year % 19
    century, of_century = divmod(year, 100)
    leaps, rest = divmod(century, 4)
    moon = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leaps - moon + 15) % 30
    to_sunday = (32 + 2 * rest + 2 * (of_century // 4) - epact - of_century % 4) % 7
    late = (golden + 11 * epact + 22 * to_sunday) // 451
    month, day = divmod(epact + to_sunday - 7 * late + 114, 31)
    return day_of_date(year, month, day + 1)
