"""Section [consent]: what holds for someone who never said a word."""

from jobs.settings.section import Section


class ConsentSettings(Section):
    analytics: bool
    personalisation: bool
    marketing: bool
    behaviour: tuple[str, ...]
