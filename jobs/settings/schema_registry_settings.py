"""Section [schema_registry]: the schema registry."""

from jobs.settings.section import MayHoldPassword, Section


class SchemaRegistrySettings(Section):
    url: MayHoldPassword
    folder: str
