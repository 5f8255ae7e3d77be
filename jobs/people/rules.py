"""The rules of identity in force: the settings, and the tokens of what they name in words."""

from jobs.people import clusters
from jobs.privacy.keys import secrets_of
from jobs.privacy.tokens import token
from jobs.settings.identity_settings import IdentitySettings
from jobs.settings.loading import Settings


def identity_rules(settings: Settings) -> IdentitySettings:
    """[identity], with the tokens of the e-mail addresses and phone numbers among `junk` beside them. Raises
    OperatorError where there are such and a secret is missing."""
    identity = settings.identity
    contacts = [one for one in identity.junk if "@" in one or one.startswith("+")]
    if not contacts:
        return identity
    secrets, region = secrets_of(settings.privacy), settings.privacy.phone_region
    tokens = [token("email" if "@" in one else "phone", one, secrets, region) for one in contacts]
    return identity.model_copy(update={"junk": (*identity.junk, *tokens)})


def limits_by_priority(rules: IdentitySettings) -> clusters.Rules:
    limits = tuple(rules.limits[name] for name in rules.priority)
    return clusters.Rules(limits, rules.most_people, rules.most_links)
