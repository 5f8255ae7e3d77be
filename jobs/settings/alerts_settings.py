"""Section [alerts]: who is told."""

from pydantic import SecretStr

from jobs.settings.section import Section


class AlertsSettings(Section):
    webhook: SecretStr
    timeout_seconds: float
    tries: int
