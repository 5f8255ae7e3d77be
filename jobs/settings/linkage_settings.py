"""Section [linkage]: which rows of the CRM without a common identifier are one person's."""

from typing import Self

from pydantic import model_validator

from jobs.settings.section import Section


class LinkageSettings(Section):
    enabled: bool
    threshold: float
    review_from: float

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if not 0 < self.review_from <= self.threshold <= 1:
            raise ValueError("0 < review_from <= threshold <= 1 must hold")
        return self
