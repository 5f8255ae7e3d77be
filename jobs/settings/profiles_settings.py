"""Section [profiles]: what makes a person engaged, and what becomes of attributes."""

from typing import Literal

from pydantic import Field

from jobs.settings.section import Section


class EngagementLevel(Section):
    """Two of the three, at least, must be reached."""

    sessions: float
    steps_per_session: float
    actions: float


class ProfilesSettings(Section):
    engagement_days: int = Field(ge=1)
    actions: tuple[str, ...]
    high: EngagementLevel
    medium: EngagementLevel
    impute: dict[str, Literal["commonest", "median"]]
    encode: dict[str, tuple[str, ...]]
    most_affinities: int = Field(ge=1)
