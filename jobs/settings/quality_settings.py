"""Section [quality]: what the gate tells."""

from jobs.settings.section import Section


class QualitySettings(Section):
    max_examples: int
