"""What every section of the settings is: typed, frozen, without unknown keys. conf/base.toml gives their meaning."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MayHoldPassword = Annotated[str, Field(repr=False)]
"""A URL that may hold a login: no message quotes it."""


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
