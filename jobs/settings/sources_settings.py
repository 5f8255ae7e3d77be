"""Section [sources]: where the catalogue and the CRM lie and how they are read."""

from typing import Literal

from pydantic import Field

from jobs.settings.section import Section

Mode = Literal["full", "incremental"]


class SourcesSettings(Section):
    catalog: str
    catalog_table: str
    catalog_mode: Mode
    catalog_changed: str
    crm: str
    crm_table: str
    crm_mode: Mode
    crm_changed: str
    user_variable: str
    password_variable: str
    max_shrink: float = Field(ge=0, le=1)

    def places(self) -> dict[str, str]:
        """Where each source lies, by its name."""
        return {
            name: getattr(self, name) for name in type(self).model_fields if f"{name}_table" in type(self).model_fields
        }
