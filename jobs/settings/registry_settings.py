"""Section [registry]: the schema registry."""

from jobs.settings.section import Section


class RegistrySettings(Section):
    url: str
    folder: str
