"""URLs that may hold a login: read as they were meant, and shown without it.

A password that was not percent-encoded cuts a URL at its first `/`, `?` or `#`. Libraries then take what stands before
for a host and a port, and some print it. Here every @ is tried as the login's end: one that alone leaves an address
behind it is meant; with two of them, or none, the URL is refused and not shown.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from string import punctuation
from urllib.parse import quote, unquote

from jobs.errors import OperatorError

HOST = r"(?P<host>[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?"
OPTIONS = r"(?:\?[\w.]+=[^\s#]*)?"
REDIS, SOCKET, WEB = (
    rf"{HOST}(?P<rest>(?:/\d*)?{OPTIONS})",
    rf"(?P<rest>/[^\s?#]+{OPTIONS})",
    rf"{HOST}(?P<rest>([/?][^\s#]*)?)",
)
KINDS = {"redis": REDIS, "rediss": REDIS, "unix": SOCKET, "http": WEB, "https": WEB}
"""What may stand behind the login, by scheme; of a database that is as of the web."""
LAST_PORT = 65_535


@dataclass(frozen=True)
class Address:
    """`user`, `password`: as they are meant, not encoded; None where there is none. `host`: empty for a socket.
    `rest`: path and options, as they stand in the URL."""

    scheme: str
    user: str | None
    password: str | None
    host: str
    port: int | None
    rest: str

    @property
    def url(self) -> str:
        """The URL, encoded so that every library understands it."""
        login = "" if self.user is None else quote(self.user, safe="")
        login += "" if self.password is None else f":{quote(self.password, safe='')}"
        return self._written(f"{login}@" if self.user is not None else "")

    @property
    def without_login(self) -> str:
        """The URL for one that is given the login besides."""
        return self._written("")

    @property
    def shown(self) -> str:
        """For people: no login, and no options, which may hold one too."""
        return self._written("").partition("?")[0]

    def _written(self, login: str) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{login}{self.host}{port}{quote(self.rest, safe=punctuation)}"


def address_of(url: str) -> Address | None:
    """The address that is meant; None where it cannot be told."""
    scheme, separator, behind = url.partition("://")
    readings = (
        set(_readings(scheme.lower(), behind)) if separator and re.fullmatch(r"[A-Za-z][\w+.-]*", scheme) else set()
    )
    return readings.pop() if len(readings) == 1 else None


def understood(url: str, setting: str, *schemes: str) -> str:
    """The URL as every library understands it. Raises OperatorError, which shows nothing of it, where it cannot be told
    what is meant, or the scheme is another."""
    address = address_of(url)
    if address is not None and (not schemes or address.scheme in schemes):
        return address.url
    variable = "LAKEHOUSE_" + setting.upper().replace(".", "__")
    form = f"{schemes[0] if schemes else 'scheme'}://user:password@host:port"
    raise OperatorError(
        f"setting {setting} is no address that can be understood (it is not shown, it may hold a password): write it as"
        f" {form}, with user and password percent-encoded (/ is %2F, # %23, ? %3F, @ %40, : %3A, % %25), in {variable}"
    )


def _readings(scheme: str, behind: str) -> Iterator[Address]:
    kind = re.compile(KINDS.get(scheme, WEB))
    for end in (-1, *(at.start() for at in re.finditer("@", behind))):
        login, place = behind[: max(end, 0)], kind.fullmatch(behind, end + 1)
        if place is None or int(place.groupdict().get("port") or 0) > LAST_PORT:
            continue
        encoded = not re.search("[/?#]", login)
        # Otherwise it cannot be told whether %41 is an A or itself; and a host's path may hold an @.
        if encoded or (":" in login and not re.search("%[0-9A-Fa-f]{2}", login)):
            yield _address(scheme, login if end >= 0 else None, encoded, place.groupdict())


def _address(scheme: str, login: str | None, encoded: bool, place: dict[str, str | None]) -> Address:
    user, separator, password = (login or "").partition(":")
    decoded = unquote if encoded else str
    return Address(
        scheme,
        None if login is None else decoded(user),
        decoded(password) if separator else None,
        place.get("host") or "",
        int(port) if (port := place.get("port")) else None,
        place["rest"] or "",
    )
