"""Section [recommendations]: how long the lists are, and who fills them."""

from jobs.settings.section import Section


class RecommendationsSettings(Section):
    again: int
    discover: int
    again_by: tuple[str, ...]
    discover_by: tuple[str, ...]
