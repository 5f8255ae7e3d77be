"""The rules of identity in force."""

from jobs.lake.lake import Lake
from jobs.people.rules import identity_rules
from jobs.privacy.keys import secrets_of
from jobs.privacy.tokens import token
from tests.other_lake import changed


def test_contacts_among_junk_are_known_by_their_tokens_alone(lake: Lake) -> None:
    junk = ("guest", "Jo@shop.example", "+48 601 234 567")
    settings = changed(lake, identity={"junk": junk}).settings
    secrets, region = secrets_of(settings.privacy), settings.privacy.phone_region
    expected = ("guest", token("email", "jo@shop.example", secrets, region), token("phone", junk[2], secrets, region))
    assert identity_rules(settings).junk == expected
    assert identity_rules(lake.settings) == lake.settings.identity, "without them no secret is asked for"
