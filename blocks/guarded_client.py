"""An HTTP client for URLs that people write into pipelines: it never talks to link-local addresses.

Such addresses are where clouds keep the credentials of the machine itself. Names are resolved here and the
connection goes to the address that was looked at, so no second answer of the name server can slip in; every
redirect passes the same way.
"""

import asyncio
import os
import socket
import ssl
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import httpx

from blocks.errors import Refused
from blocks.redirect import redirecting_transport

MOST_ADDRESSES = 4
"""Addresses of one name that are tried."""

MOST_REDIRECTS = 10

_LINK_LOCAL_MULTICAST = IPv4Network("224.0.0.0/24")
_NAT64 = IPv6Network("64:ff9b::/96")

Address = IPv4Address | IPv6Address


@asynccontextmanager
async def guarded_client(
    url: str, *, insecure: bool = False, proxy: str | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """Open a client for one URL; without `proxy` the environment's proxy counts, as for other programs.

    Raises Refused from a request, or a redirect, that leads to a link-local address.
    """
    transport = redirecting_transport() or _Guarded(insecure, proxy or environment_proxy(url))
    async with httpx.AsyncClient(
        transport=transport, follow_redirects=True, max_redirects=MOST_REDIRECTS, trust_env=False
    ) as opened:
        yield opened


def is_link_local(address: Address) -> bool:
    """Whether an address is link-local, also when it is wrapped into an IPv6 address."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or (IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None)
        if inner is not None:
            return is_link_local(inner)
        return address.is_link_local or (address.is_multicast and (int(address) >> 112) & 0xF in (1, 2))
    return address.is_link_local or address in _LINK_LOCAL_MULTICAST


def environment_proxy(url: str) -> str | None:
    """Return the proxy that the environment names for a URL, if any. Raises httpx.InvalidURL when it is no URL."""
    parsed = httpx.URL(url)
    if urllib.request.proxy_bypass(parsed.host):
        return None
    return urllib.request.getproxies().get(parsed.scheme)


async def addresses(host: str, port: int) -> list[str]:
    """Resolve a name to the addresses that may be talked to. Raises Refused when there are only link-local ones."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    texts = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    allowed = [text for text in texts if not is_link_local(ip_address(text))]
    if not allowed:
        raise Refused(f"{host!r} is a link-local address: such addresses belong to the machine and are never asked")
    return allowed[:MOST_ADDRESSES]


@lru_cache(maxsize=8)
def _trusted(insecure: bool, file: str | None, directory: str | None) -> ssl.SSLContext:
    """Whose certificates are believed, as the environment says; read once, for that takes a tenth of a second."""
    return httpx.create_ssl_context(verify=not insecure)


class _Guarded(httpx.AsyncBaseTransport):
    """Sends each request to a resolved and permitted address, under the name it was meant for."""

    def __init__(self, insecure: bool, proxy: str | None) -> None:
        self._proxied = proxy is not None
        trusted = _trusted(insecure, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        self._inner = httpx.AsyncHTTPTransport(verify=trusted, proxy=proxy, trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        try:
            permitted = await addresses(host, port)
        except (OSError, UnicodeError) as error:
            if self._proxied:  # the proxy may know names that are unknown here
                return await self._inner.handle_async_request(request)
            raise httpx.ConnectError(f"the name {host!r} could not be resolved: {error}", request=request) from None
        if self._proxied:
            return await self._inner.handle_async_request(request)
        return await self._first(request, host, permitted)

    async def _first(self, request: httpx.Request, host: str, permitted: list[str]) -> httpx.Response:
        url, failure = request.url, httpx.ConnectError(f"no address of {host!r} answered", request=request)
        request.extensions = {**request.extensions, "sni_hostname": host}
        for address in permitted:
            request.url = url.copy_with(host=address)
            try:
                return await self._inner.handle_async_request(request)
            except httpx.ConnectError as error:
                failure = error
            finally:
                request.url = url
        raise failure

    async def aclose(self) -> None:
        await self._inner.aclose()
