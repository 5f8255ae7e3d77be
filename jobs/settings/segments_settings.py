"""Section [segments]: where the rules lie."""

from jobs.settings.section import Section


class SegmentsSettings(Section):
    file: str
