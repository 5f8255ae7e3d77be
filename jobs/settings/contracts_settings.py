"""Section [contracts]: further versions of payloads."""

from jobs.settings.section import Section


class ContractsSettings(Section):
    folder: str
