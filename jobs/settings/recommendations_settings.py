"""Section [recommendations]: how long the lists are."""

from jobs.settings.section import Section


class RecommendationsSettings(Section):
    again: int
    discover: int
