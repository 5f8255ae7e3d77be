"""What every section of the settings is: typed, frozen, without unknown keys. conf/base.toml gives their meaning."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
