"""What MLflow refuses, in one line that never holds a login."""

from models.errors import ModelError


class RegistryError(ModelError):
    """MLflow refused or could not be reached; the message names the address."""


def refusal(tracking_uri: str, error: Exception) -> RegistryError:
    """What MLflow says; only its code where the address holds a login, which its words may repeat."""
    words = next(iter(str(error).splitlines()), type(error).__name__)
    if has_login(tracking_uri) and not isinstance(error, ImportError):
        words = getattr(error, "error_code", type(error).__name__)
    return RegistryError(f"MLflow at {_shown(tracking_uri)}: {words}")


def has_login(tracking_uri: str) -> bool:
    """Whether the address holds, or may hold, one."""
    return _shown(tracking_uri) != tracking_uri


def _shown(uri: str) -> str:
    """The address without login and options."""
    scheme, separator, behind = uri.partition("://")
    if not separator or behind.startswith("/"):
        return uri.partition("?")[0]
    return f"{scheme}://{behind.rpartition('@')[2].partition('?')[0]}"
