"""Section [identity]: which identifiers say who somebody is, and how many of each a person may have."""

from typing import Self

from pydantic import field_validator, model_validator

from jobs.settings.section import Section

TYPES = ("user_id", "crm_id", "email", "phone", "device_id", "anonymous_id")
"""Identifier types, as events and the CRM name them."""


class IdentitySettings(Section):
    priority: tuple[str, ...]
    limits: dict[str, int]
    most_people: int
    most_links: int
    junk: tuple[str, ...]

    @field_validator("most_people", "most_links")
    @classmethod
    def _is_positive(cls, value: int) -> int:
        if value < 1:
            raise ValueError("must be 1 or more")
        return value

    @model_validator(mode="after")
    def _has_every_type(self) -> Self:
        for name, types in (("priority", self.priority), ("limits", tuple(self.limits))):
            if sorted(types) != sorted(TYPES):
                raise ValueError(f"{name} must have each of {', '.join(TYPES)} once")
        if least := [name for name, limit in self.limits.items() if limit < 1]:
            raise ValueError(f"the limit of {least[0]} must be 1 or more")
        return self
