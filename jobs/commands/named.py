"""A person as an operator types them."""

from typing import TYPE_CHECKING

from jobs.people.identifier import Identifier

if TYPE_CHECKING:
    from jobs.lake.lake import Lake


def named(lake: "Lake", text: str) -> Identifier:
    """The identifier; of an e-mail address or a phone number as they are, the token by which it is known."""
    from jobs.privacy.keys import secrets_of
    from jobs.privacy.tokens import TOKEN, token

    identifier = Identifier.parsed(text)
    if identifier.identifier_type not in ("email", "phone") or TOKEN.fullmatch(identifier.identifier):
        return identifier
    privacy = lake.settings.privacy
    return identifier._replace(identifier=token(*identifier, secrets_of(privacy), privacy.phone_region))
