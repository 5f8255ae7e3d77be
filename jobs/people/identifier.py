"""One identifier, as an operator writes it."""

from typing import Any, NamedTuple, Self

from jobs.settings.identity_settings import TYPES


class Identifier(NamedTuple):
    identifier_type: str
    identifier: str

    @classmethod
    def parsed(cls, text: str) -> Self:
        """Of `anonymous_id:a-77`; of `900`, or of what names no type before its colon, the user_id."""
        kind, colon, value = text.partition(":")
        return cls(kind, value) if colon and kind in TYPES else cls("user_id", text)

    @classmethod
    def left_of(cls, link: Any) -> Self:
        return cls(link["left_type"], link["left_identifier"])

    @classmethod
    def right_of(cls, link: Any) -> Self:
        return cls(link["right_type"], link["right_identifier"])

    @property
    def own_person_id(self) -> str:
        """The person whom nobody but this identifier makes up."""
        is_plain = self.identifier_type == "user_id" and ":" not in self.identifier
        return self.identifier if is_plain else str(self)

    def __str__(self) -> str:
        return ":".join(self)
