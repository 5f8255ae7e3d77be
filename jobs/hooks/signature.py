"""Who posts to a webhook can be told from its signature, after Standard Webhooks 1.0 (standardwebhooks.com)."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

from jobs.errors import OperatorError

FEWEST_BYTES, MOST_BYTES = 24, 64
MARK = "whsec_"


def secrets_of(name: str, variables: Sequence[str], values: Mapping[str, str]) -> tuple[bytes, ...]:
    """The secrets of the webhook `name`, the oldest first, by the names of their variables. Raises OperatorError, which
    shows none of them, where there is none, or one is not set or no secret."""
    if not variables:
        raise OperatorError(
            f"webhook {name} has no secret: name the environment variable that holds it in"
            f" hooks.webhooks.{name}.secrets; `lakehouse keys new` makes one"
        )
    return tuple(_secret(name, variable, values.get(variable, "")) for variable in variables)


def signed_headers(id_: str, timestamp: int, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """Of one attempt, at `timestamp` (seconds since 1970), to deliver the message `id_`: signed by each secret, so that
    a receiver may go from one to the next in its own time."""
    content = f"{id_}.{timestamp}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode() for secret in secrets]
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{one}" for one in reversed(signatures)),
    }


def _secret(name: str, variable: str, text: str) -> bytes:
    expected = f"{FEWEST_BYTES} to {MOST_BYTES} bytes in base64, such as `lakehouse keys new` makes"
    if not text:
        raise OperatorError(f"the secret {variable} of webhook {name} is not set; it is {expected}")
    try:
        secret = base64.b64decode(text.removeprefix(MARK), validate=True)
    except (binascii.Error, ValueError):
        raise OperatorError(f"the secret {variable} of webhook {name} is not base64; it is {expected}") from None
    if not FEWEST_BYTES <= len(secret) <= MOST_BYTES:
        raise OperatorError(f"the secret {variable} of webhook {name} has {len(secret)} bytes; it is {expected}")
    return secret
