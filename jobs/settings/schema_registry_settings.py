"""Section [schema_registry]: the schema registry."""

from jobs.settings.section import Section


class SchemaRegistrySettings(Section):
    url: str
    folder: str
