"""Months and days of the week: numbers with a name of their own, and no numbers to reckon with."""

from flows.expression.layouts import DAYS, MONTHS
from flows.expression.values import expose


class Month(int):
    """A month, 1 to 12."""


class Weekday(int):
    """A day of the week, Sunday 0."""


expose(Month, "time.Month", {"String": lambda month: MONTHS[month - 1]})
expose(Weekday, "time.Weekday", {"String": lambda day: DAYS[day]})

NAMED = (Month, Weekday)
