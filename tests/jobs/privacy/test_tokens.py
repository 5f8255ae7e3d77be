"""Equal persons have equal tokens, others do not, and a newer token follows from an older one."""

import base64
import hashlib
import hmac

import pytest

from jobs.errors import OperatorError
from jobs.privacy import keys
from jobs.privacy.encryption import opened, sealed
from jobs.privacy.keys import Secrets, secrets_of
from jobs.privacy.tokens import TOKEN, network, rotated, token
from jobs.settings.privacy_settings import PrivacySettings

FIRST = Secrets((b"1" * 32,), (b"k" * 32,))
SECOND = Secrets((b"1" * 32, b"2" * 32), (b"k" * 32, b"l" * 32))


@pytest.mark.parametrize(
    ("kind", "one", "other", "why"),
    [
        ("email", "Anna.Nowak@Example.com", "anna.nowak@example.com ", "case and spaces"),
        ("email", "anna.nowak@gmail.com", "annanowak+shop@googlemail.com", "Gmail's dots, tags and other name"),
        ("email", "anna+x@outlook.com", "anna@OUTLOOK.com", "Outlook's tags"),
        ("phone", "+1 212-456-7890", "(212) 456 7890", "a prefix that the region adds"),
        ("phone", "+48 601 234 567", "+48601234567", "spaces"),
        ("email", "\u200banna@example.com", "anna@exam\u00adple.com", "what nobody sees"),
        ("email", "anna\ufe0f@example.com", "anna@example.com", "a variation selector"),
        ("email", "anna@müller.example", "Anna@XN--MLLER-KVA.example", "a domain in ASCII"),
        ("phone", "0048 601 234 567", "+48601234567", "00 for +"),
        ("phone", "2124567890.0", "(212) 456-7890", "a float"),
        ("phone", "48601234567", "48-601-234-567", "hyphens in what is no number of the region"),
        ("ip", "203.0.113.9:443", "203.0.113.9", "a port"),
        ("ip", "[2001:db8::1]:443", "2001:db8::1", "a port of IPv6"),
        ("ip", "203.0.113.9, 198.51.100.7", "203.0.113.9", "the proxies behind the visitor"),
        ("ip", "2001:db8::1", "2001:0DB8:0:0::0001", "IPv6 written shorter"),
        ("ip", "::ffff:203.0.113.9", "203.0.113.9", "IPv4 within IPv6"),
        ("surname", "NOWAK  ", "nowak", "case"),
        ("street", "Dluga  5", "dluga 5", "spaces between"),
        ("birth_date", "1990-03-01T00:00:00Z", "1990-03-01", "the time of day"),
    ],
)
def test_equal_persons_have_equal_tokens(kind: str, one: str, other: str, why: str) -> None:
    assert token(kind, one, FIRST, "US") == token(kind, other, FIRST, "US"), why


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("email", "anna.nowak@example.com"), ("email", "annanowak@example.com")),
        (("email", "anna+x@example.com"), ("email", "anna@example.com")),
        (("phone", "+48601234567"), ("phone", "+48601234568")),
        (("phone", "48601234567"), ("phone", "+148601234567")),  # not possible in the region: no country is made up
        (("email", "a@straße.example"), ("email", "a@strasse.example")),
        (("name", "Anna"), ("surname", "Anna")),
    ],
)
def test_others_do_not(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert token(*one, FIRST, "US") != token(*other, FIRST, "US")


def test_a_token_is_hmac_sha256_of_the_kind_and_the_normalised_value() -> None:
    digest = hmac.new(b"1" * 32, b"email:a@b.example", hashlib.sha256).digest()
    expected = "email.v1." + base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert token("email", "A@b.example", FIRST, "US") == expected
    assert TOKEN.fullmatch(expected)


def test_a_rotated_token_is_the_token_of_today() -> None:
    old, new = (token("email", "a@b.example", secrets, "US") for secrets in (FIRST, SECOND))
    assert old != new and ".v2." in new
    assert rotated(old, SECOND) == new == rotated(new, SECOND)
    with pytest.raises(ValueError, match="not a token"):
        rotated("a@b.example", SECOND)


def test_networks() -> None:
    assert network("203.0.113.9") == "203.0.113.0/24"
    assert network("2001:db8:1:2::3") == "2001:db8:1::/48"
    assert network("::ffff:203.0.113.9") == "203.0.113.0/24"
    assert network("203.0.113.9:443") == "203.0.113.0/24"
    assert network("[2001:db8:1:2::3%eth0]:443") == "2001:db8:1::/48"
    assert network("home") is None


def test_what_is_sealed_opens_with_its_key_alone() -> None:
    shut = sealed(b"anna@b.example", FIRST)
    assert b"anna" not in shut and shut != sealed(b"anna@b.example", FIRST)
    assert opened(shut, 1, SECOND) == b"anna@b.example"
    assert opened(sealed(b"x", SECOND), 2, SECOND) == b"x"
    with pytest.raises(OperatorError, match="names 1"):
        opened(sealed(b"x", SECOND), 2, FIRST)
    with pytest.raises(OperatorError, match="not the one"):
        opened(shut[:-1] + b"\0", 1, FIRST)


def wanting(file: str = "") -> PrivacySettings:
    return PrivacySettings(token_secrets=("T_1",), payload_keys=("P_1",), secrets_file=file, phone_region="US")


@pytest.mark.parametrize(
    ("value", "says"),
    [(None, "T_1 is not set"), ("", "T_1 is not set"), ("short", "T_1 is not base64"), ("c2hvcnQ=", "T_1 has 5 bytes")],
)
def test_no_start_without_good_secrets(value: str | None, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P_1", keys.new_secret())
    if value is not None:
        monkeypatch.setenv("T_1", value)
    with pytest.raises(OperatorError, match=says):
        secrets_of(wanting())


def test_a_laptop_makes_its_own_once_and_hides_them(tmp_path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "home" / "secrets.env"
    keys.keep(wanting(str(file)))
    secrets = secrets_of(wanting(str(file)))
    keys.keep(wanting(str(file)))
    assert secrets_of(wanting(str(file))) == secrets
    assert file.stat().st_mode & 0o777 == 0o600
    assert "b'" not in repr(secrets)
