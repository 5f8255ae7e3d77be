"""Section [sources]: where the catalogue and the CRM lie, how they are read, and what their columns mean."""

from typing import Literal

from pydantic import Field

from expectations.source_contract import AttributeType
from jobs.settings.section import MayHoldPassword, Section


class SourceSettings(Section):
    """`columns`: the shop's own column -> the standard field that it holds, or several. `types`: attribute -> type."""

    location: MayHoldPassword
    table: str
    mode: Literal["full", "incremental"]
    changed: str
    delimiter: str = Field(min_length=1)
    columns: dict[str, str | tuple[str, ...]]
    types: dict[str, AttributeType]


class SourcesSettings(Section):
    catalog: SourceSettings
    crm: SourceSettings
    user_variable: str
    password_variable: str
    max_shrink: float = Field(ge=0, le=1)
