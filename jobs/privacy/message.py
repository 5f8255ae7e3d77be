"""One message made safe to keep: every direct identifier a token, free text scrubbed, all else as it stood."""

import json
from typing import Any, NamedTuple

from expectations.identifiers import is_agent, is_coded, kind_of
from expectations.json_numbers import exact
from jobs.privacy.free_text import coded, scrubbed, scrubbed_agent
from jobs.privacy.keys import Secrets, secrets_of
from jobs.privacy.tokens import network, token
from jobs.settings.privacy_settings import PrivacySettings

NETWORK = "ip_network"
MOST_DIGITS = 19
"""Of a card (ISO/IEC 7812-1)."""


class Number(str):
    """A JSON number as it was written."""


class Fields(list[tuple[str, Any]]):
    """A JSON object: names may repeat, and keep their order."""


class Protection(NamedTuple):
    """What messages are made safe with: the secrets, and the region whose phone numbers come without a prefix."""

    secrets: Secrets
    region: str


def protection_of(settings: PrivacySettings) -> Protection:
    """Raises OperatorError when a secret is missing or short: nothing is landed without."""
    return Protection(secrets_of(settings), settings.phone_region)


def safe(message: bytes, protection: Protection) -> bytes | None:
    """The message as it may be kept, None where it is no JSON object (RFC 8259) that could be looked through.

    One that names nobody is kept byte for byte; of another, what is not replaced keeps its value and its place.
    """
    try:
        node = _DECODER.decode(message.decode("utf-8"))
        if not isinstance(node, Fields):
            return None
        kept = _object(node, protection, None)
        return message if kept == node else _text(kept).encode()
    except (ValueError, RecursionError):
        return None


def safe_key(key: bytes, protection: Protection) -> bytes | None:
    """A message's key, which is a person's id; None where it is not UTF-8."""
    try:
        return coded(key.decode("utf-8"), protection.secrets, protection.region).encode()
    except ValueError:
        return None


def safe_text(name: str, text: str, protection: Protection) -> str:
    """The text of a field of that name as it may be kept."""
    return str(_value(name, text, protection, kind_of(name)))


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=Fields, parse_int=Number, parse_float=Number, parse_constant=_refused)


def _object(fields: Fields, protection: Protection, kind: str | None) -> Fields:
    """`kind`: of the field that the object is the value of, and so of all that stands in it."""
    safe = Fields()
    for name, value in fields:
        of_field = kind or kind_of(name)
        safe.append((coded(name, protection.secrets, protection.region), _value(name, value, protection, of_field)))
        if of_field == "ip" and isinstance(value, str) and (coarse := network(value)) is not None:
            safe.append((NETWORK, coarse))
    return safe


def _value(name: str, value: Any, protection: Protection, kind: str | None) -> Any:
    match value:
        case Fields():
            return _object(value, protection, kind)
        case list():
            return [_value(name, item, protection, kind) for item in value]
        case str() if kind is not None and value.strip():
            return token(kind, value, protection.secrets, protection.region)
        case Number():
            return value if is_coded(name) else _number(value, protection)
        case str() if is_agent(name):
            return scrubbed_agent(value)
        case str() if is_coded(name):
            return coded(value, protection.secrets, protection.region)
        case str():
            return scrubbed(value, protection.region)
    return value


def _number(number: Number, protection: Protection) -> str:
    """The number as it stood, or `[card]` or `[phone]` where it is one, also as a float: 4.1111e15."""
    digits = str(number)
    if not number.isdecimal():
        value = exact(number)
        is_whole = value.is_finite() and 0 <= value.adjusted() < MOST_DIGITS and value == value.to_integral_value()
        digits = f"{value.copy_abs():f}" if is_whole else ""
    safe = scrubbed(digits.partition(".")[0], protection.region)
    return safe if safe.startswith("[") else number


def _text(node: Any) -> str:
    """The node as compact JSON."""
    match node:
        case Number():
            return str(node)
        case Fields():
            return "{" + ",".join([f"{_text(name)}:{_text(value)}" for name, value in node]) + "}"
        case list():
            return "[" + ",".join([_text(value) for value in node]) + "]"
    return json.dumps(node, ensure_ascii=isinstance(node, str) and not _is_unicode(node))


def _is_unicode(text: str) -> bool:
    """Whether the text is free of lone surrogates, which UTF-8 cannot write and an escape can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
