"""Section [live]: the pace of the live jobs."""

from jobs.settings.section import Section


class LiveSettings(Section):
    trigger_seconds: int
