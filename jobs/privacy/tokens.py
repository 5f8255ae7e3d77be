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

import idna
import phonenumbers

from expectations.identifiers import direct
from jobs.privacy.keys import Secrets
from jobs.privacy.phone_numbers import is_possible
from jobs.privacy.plain_text import without_invisible

TOKEN = re.compile(rf"\b(?P<kind>{'|'.join(direct().values())})\.v(?P<version>\d+)\.(?P<digest>[A-Za-z0-9_-]{{43}})")
# 203.0.113.9:443, [2001:db8::1]:443, fe80::1%eth0; the first of a list.
ADDRESS = re.compile(
    r"(?:\[([0-9A-Fa-f:.]+)(?:%[^\]]*)?\](?::\d{1,5})?|(\d{1,3}(?:\.\d{1,3}){3})(?::\d{1,5})?|([0-9A-Fa-f:.]+)(?:%\S*)?)"
    r"\s*(?:,|$)"
)
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
    text = " ".join(unicodedata.normalize("NFKC", without_invisible(value)).split())
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
    address = _ip(value)
    if address is None:
        return None
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))


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
    local, _, domain = text.replace(" ", "").rpartition("@")
    local, domain = local.casefold(), _ascii_domain(domain.lower())
    domain = SAME_DOMAIN.get(domain, domain)
    if domain in TAGGED:
        local = local.split("+")[0]
    return f"{local.replace('.', '') if domain in DOTLESS else local}@{domain}"


def _ascii_domain(domain: str) -> str:
    """The domain as the name service knows it: müller.example is xn--mller-kva.example (RFC 5891, UTS 46)."""
    try:
        return idna.encode(domain.rstrip("."), uts46=True).decode()
    except idna.IDNAError:
        return domain


def _e164(text: str, region: str) -> str:
    """A possible number with its country. 00 is a prefix everywhere, and .0 what a float leaves behind."""
    digits = text.removesuffix(".0")
    international = f"+{digits[2:]}" if digits.startswith("00") else digits
    for candidate, is_number in ((digits, is_possible), (international, phonenumbers.is_valid_number)):
        try:
            number = phonenumbers.parse(candidate, region)
        except phonenumbers.NumberParseException:
            continue
        if is_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return "".join(filter(str.isalnum, digits)).casefold() or digits


def _address(text: str) -> str:
    return str(_ip(text) or text.casefold())


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The first address in the text, such as the visitor's in a list of proxies, without brackets, zone and port."""
    match = ADDRESS.match(text.strip())
    try:
        address = ipaddress.ip_address((match[1] or match[2] or match[3]) if match else "")
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        return text.casefold()
