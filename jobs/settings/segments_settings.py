"""Section [segments]: where the rules lie, and how a change of them is let through."""

from jobs.settings.section import Section


class SegmentsSettings(Section):
    file: str
    max_movement: float
    free_moves: int
    canary_share: float
    canary_hours: float
