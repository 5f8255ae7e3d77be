"""One POST to an address that may be a secret: it is never said, nor followed elsewhere."""

import base64
import logging
import time
import urllib.request
from collections.abc import Callable, Mapping

import urllib3
from urllib3 import exceptions as faults
from urllib3.util import make_headers, parse_url

from jobs.errors import OperatorError
from jobs.hooks.answer import Answer, answer_of
from jobs.settings.addresses import Address, address_of

READ_AT_MOST = 65_536
"""Bytes of an answer that are read, so that its connection can be used again."""

Post = Callable[[bytes, Mapping[str, str]], Answer]
"""Posts a body with these headers, once."""


def web_address(url: str, setting: str) -> Address:
    """Raises OperatorError, which shows nothing of it, for an address that is not http or https."""
    address = address_of(url)
    if address is None or address.scheme not in ("http", "https"):
        variable = "LAKEHOUSE_" + setting.upper().replace(".", "__")
        raise OperatorError(
            f"{setting} is no http or https address that can be understood; mend {variable}, with a password in it"
            " percent-encoded"
        )
    return address


def post_to(address: Address, timeout_seconds: float, connections: int = 1) -> Post:
    """By up to so many connections at a time, which stay open in between."""
    logging.getLogger("urllib3").setLevel(logging.INFO)  # below that it logs every path
    pool = _pool(address, timeout_seconds, connections)
    always = {"Content-Type": "application/json", "User-Agent": "lakehouse-personalization", **_login(address)}

    def post(body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            response = pool.request(
                "POST",
                address.without_login,
                body=body,
                headers={**always, **headers},
                redirect=False,
                retries=False,
                preload_content=False,
            )
            answer = answer_of(response.status, response.headers.get("Retry-After", ""), time.time())
            _finish(response)
            return answer
        except (faults.HTTPError, OSError, ValueError) as error:
            return Answer("failed", _reason(error, timeout_seconds))

    return post


def _pool(address: Address, timeout_seconds: float, connections: int) -> urllib3.PoolManager:
    """Through the proxy of the environment (https_proxy, no_proxy), where there is one for the address."""
    timeout = urllib3.Timeout(connect=timeout_seconds, read=timeout_seconds)
    proxy = urllib.request.getproxies().get(address.scheme)
    if not proxy or urllib.request.proxy_bypass(address.host):
        return urllib3.PoolManager(maxsize=connections, block=True, timeout=timeout)
    login = parse_url(proxy).auth
    headers = make_headers(proxy_basic_auth=login) if login else None
    return urllib3.ProxyManager(proxy, proxy_headers=headers, maxsize=connections, block=True, timeout=timeout)


def _finish(response: urllib3.BaseHTTPResponse) -> None:
    """The status is all that counts: a body that is long, or breaks off, changes nothing."""
    try:
        response.read(READ_AT_MOST)
        if response.read(1):
            response.close()
    except faults.HTTPError:
        response.close()
    response.release_conn()


def _reason(error: Exception, timeout_seconds: float) -> str:
    if isinstance(error, faults.NameResolutionError):
        return "no such host"
    if isinstance(error, faults.NewConnectionError):
        return "no connection"
    if isinstance(error, faults.TimeoutError):
        return f"no answer in {timeout_seconds:g} s"
    if isinstance(error, faults.SSLError):
        return "no TLS connection that can be trusted"
    if isinstance(error, faults.ProtocolError):
        return "the connection broke"
    return type(error).__name__


def _login(address: Address) -> dict[str, str]:
    if address.user is None:
        return {}
    pair = f"{address.user}:{address.password or ''}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
