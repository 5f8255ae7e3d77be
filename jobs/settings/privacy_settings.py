"""Section [privacy]: the names of the secrets."""

from jobs.settings.section import Section


class PrivacySettings(Section):
    token_secrets: tuple[str, ...]
    payload_keys: tuple[str, ...]
    secrets_file: str
    phone_region: str
