"""Section [lake]: where the lake lies."""

from jobs.settings.section import Section


class LakeSettings(Section):
    root: str
