"""The secrets: what tokens are made with, and what unreadable messages are encrypted with.

They come by environment variables, whose names the settings list, one per version, the oldest first. On a laptop
`lakehouse up` makes them once and keeps them in a file that only its owner reads; a cluster has no such file.
"""

import base64
import binascii
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jobs.errors import OperatorError
from jobs.settings.privacy_settings import PrivacySettings

BYTES = 32


@dataclass(frozen=True)
class Secrets:
    """`tokens`: what each version of a token adds; the newest version needs them all. `payloads`: AES-256 keys."""

    tokens: tuple[bytes, ...] = field(repr=False)
    payloads: tuple[bytes, ...] = field(repr=False)

    @property
    def token_version(self) -> int:
        return len(self.tokens)


def secrets_of(settings: PrivacySettings) -> Secrets:
    """Raises OperatorError, naming the variable, when a secret is missing, short or not base64."""
    values = {**_kept(settings.secrets_file), **os.environ}
    return Secrets(_decoded(settings.token_secrets, values), _decoded(settings.payload_keys, values))


def keep(settings: PrivacySettings) -> None:
    """Makes the secrets that neither the environment nor the file has, and adds them to the file."""
    file = Path(settings.secrets_file)
    names = [*settings.token_secrets, *settings.payload_keys]
    missing = [name for name in names if name not in {**_kept(settings.secrets_file), **os.environ}]
    if missing:
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as lines:
            lines.writelines(f"{name}={new_secret()}\n" for name in missing)


def new_secret() -> str:
    """A new secret, as the environment variable wants it."""
    return base64.b64encode(secrets.token_bytes(BYTES)).decode()


def _kept(file: str) -> Mapping[str, str]:
    if not file or not Path(file).is_file():
        return {}
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _decoded(names: Sequence[str], values: Mapping[str, str]) -> tuple[bytes, ...]:
    if not names:
        raise OperatorError("no secret is named: fill privacy.token_secrets and privacy.payload_keys")
    return tuple(_one(name, values.get(name, "")) for name in names)


def _one(name: str, text: str) -> bytes:
    expected = f"{BYTES} bytes in base64, such as `openssl rand -base64 {BYTES}` makes"
    if not text:
        raise OperatorError(f"the secret {name} is not set; nothing is landed without it. It is {expected}")
    try:
        secret = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise OperatorError(f"the secret {name} is not base64; it is {expected}") from None
    if len(secret) != BYTES:
        raise OperatorError(f"the secret {name} has {len(secret)} bytes; it is {expected}")
    return secret
