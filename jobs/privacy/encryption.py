"""What cannot be read cannot be tokenised: it is kept encrypted, and only a replay opens it.

Sealed bytes are a nonce of 12 bytes and what AES-256-GCM makes of the message (NIST SP 800-38D), tag included.
Which key it was stands beside it, as its version.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from jobs.errors import OperatorError
from jobs.privacy.keys import Secrets

NONCE_BYTES = 12
PURPOSE = b"lakehouse: a message as received"


def sealed(message: bytes, secrets: Secrets) -> bytes:
    """Under the newest key. The same message sealed twice gives different bytes."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(secrets.payloads[-1]).encrypt(nonce, message, PURPOSE)


def opened(message: bytes, version: int, secrets: Secrets) -> bytes:
    """Raises OperatorError when the key of that version is not there or is not the one it was sealed with."""
    if not 1 <= version <= len(secrets.payloads):
        raise OperatorError(f"sealed with payload key {version}; privacy.payload_keys names {len(secrets.payloads)}")
    try:
        return AESGCM(secrets.payloads[version - 1]).decrypt(message[:NONCE_BYTES], message[NONCE_BYTES:], PURPOSE)
    except InvalidTag:
        raise OperatorError(f"payload key {version} is not the one that this message was sealed with") from None
