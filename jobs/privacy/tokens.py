"""A token stands for a direct identifier: equal persons have equal tokens, and nobody without the secrets can go back.

A token of version n is HMAC-SHA256 (RFC 2104) under secret n of the token of version n - 1; version 1 is of the
normalised identifier. So a newer token follows from an older one, and the identifier itself is not needed to rotate.
"""

import base64
import functools
import hashlib
import hmac
import ipaddress
import re
import unicodedata
from datetime import date

import phonenumbers

from expectations.identifiers import direct
from jobs.privacy.keys import Secrets

TOKEN = re.compile(rf"\b(?P<kind>{'|'.join(direct().values())})\.v(?P<version>\d+)\.(?P<digest>[A-Za-z0-9_-]{{43}})")
# Mail providers whose addresses are one mailbox with and without dots, or with any tag behind a plus.
DOTLESS = frozenset({"gmail.com"})
TAGGED = frozenset({"gmail.com", "outlook.com", "hotmail.com", "live.com", "icloud.com", "fastmail.com", "proton.me"})
SAME_DOMAIN = {
    "googlemail.com": "gmail.com",
    "protonmail.com": "proton.me",
    "pm.me": "proton.me",
    "me.com": "icloud.com",
}


def token(kind: str, value: str, secrets: Secrets, region: str) -> str:
    """`email.v1.<43 characters>`: the newest token of one identifier. `region`: of phone numbers without a prefix."""
    return _token(kind, normalised(kind, value, region), secrets)


def rotated(old: str, secrets: Secrets) -> str:
    """The newest token of the identifier that `old` stands for. Raises ValueError where `old` is no token."""
    match = TOKEN.fullmatch(old)
    if match is None:
        raise ValueError(f"not a token: {len(old)} characters")
    digest = base64.urlsafe_b64decode(match["digest"] + "=")
    return _written(match["kind"], _chained(digest, secrets.tokens[int(match["version"]) :]), secrets.token_version)


def normalised(kind: str, value: str, region: str) -> str:
    """What equal identifiers have in common: an e-mail's mailbox, a phone in E.164, a name without case and spaces."""
    text = " ".join(unicodedata.normalize("NFKC", value).split())
    match kind:
        case "email":
            return _mailbox(text)
        case "phone":
            return _e164(text, region)
        case "ip":
            return _address(text)
        case "birth_date":
            return _day(text)
    return text.casefold()


def network(value: str) -> str | None:
    """The network an IP address lies in, coarse enough for geography: /24 of IPv4, /48 of IPv6; None for no address."""
    try:
        address = ipaddress.ip_address(value.strip())
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None) or address
    return str(ipaddress.ip_network((mapped, 24 if mapped.version == 4 else 48), strict=False))


@functools.lru_cache(maxsize=65_536)  # one person's events lie together, and normalising a phone number is slow
def _token(kind: str, normal: str, secrets: Secrets) -> str:
    return _written(
        kind, _chained(f"{kind}:{normal}".encode(errors="surrogatepass"), secrets.tokens), len(secrets.tokens)
    )


def _chained(message: bytes, keys: tuple[bytes, ...]) -> bytes:
    return functools.reduce(lambda digest, key: hmac.digest(key, digest, hashlib.sha256), keys, message)


def _written(kind: str, digest: bytes, version: int) -> str:
    return f"{kind}.v{version}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def _mailbox(text: str) -> str:
    local, _, domain = text.replace(" ", "").casefold().rpartition("@")
    domain = SAME_DOMAIN.get(domain, domain)
    if domain in TAGGED:
        local = local.split("+")[0]
    return f"{local.replace('.', '') if domain in DOTLESS else local}@{domain}"


def _e164(text: str, region: str) -> str:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return text.casefold()
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _address(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text.casefold()
    return str(getattr(address, "ipv4_mapped", None) or address)


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        return text.casefold()
