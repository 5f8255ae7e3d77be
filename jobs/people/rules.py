"""The rules of identity in force: the settings, with tokens for what they name in words."""

from jobs.people import clusters
from jobs.privacy.keys import secrets_of
from jobs.privacy.tokens import token
from jobs.settings.identity_settings import IdentitySettings
from jobs.settings.loading import Settings


def identity_rules(settings: Settings) -> IdentitySettings:
    """[identity], with tokens in place of the e-mail addresses and phone numbers among `junk`: the lake notes them.
    Raises OperatorError where there are such and a secret is missing."""
    identity = settings.identity
    kinds = {one: "email" if "@" in one else "phone" for one in identity.junk if "@" in one or one.startswith("+")}
    if not kinds:
        return identity
    secrets, region = secrets_of(settings.privacy), settings.privacy.phone_region
    junk = [token(kinds[one], one, secrets, region) if one in kinds else one for one in identity.junk]
    return identity.model_copy(update={"junk": tuple(junk)})


def limits_by_priority(rules: IdentitySettings) -> clusters.Rules:
    limits = tuple(rules.limits[name] for name in rules.priority)
    return clusters.Rules(limits, rules.most_people, rules.most_links)
