"""Section [currency]: what amounts are added up in."""

from jobs.settings.section import Section


class CurrencySettings(Section):
    own: str
    rates: dict[str, float]
