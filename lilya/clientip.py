"""The address of the client behind proxies (RFC 7239).

Every proxy appends whom it got the request from; whatever stands before was written by somebody one need not believe.
So the list is read from its end, as long as those who wrote are trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Final

from lilya._current import setting_of
from lilya._sansio.headers import parse_list, parse_options
from lilya.datastructures._headers import Header
from lilya.exceptions import ImproperlyConfigured

__all__ = ["UNIX", "TrustedProxies", "get_ip"]

# What stands for a peer without an address: a unix socket.
UNIX: Final = "unix"

Sanitize = Callable[[str], str]


class TrustedProxies:
    """Who is believed: addresses, networks (`10.0.0.0/8`), names servers give to peers, `unix` (no peer), `*` (all).

    Raises `ImproperlyConfigured` for what looks like a network and is none, and for text in place of a list.
    """

    def __init__(self, proxies: Iterable[str]) -> None:
        if isinstance(proxies, str):
            raise ImproperlyConfigured(f"trusted_proxies got {proxies!r}, wanted a list; did you mean {[proxies]!r}?")
        self._names = {_plain(each) for each in proxies if "/" not in each}
        self.any = "*" in self._names
        try:
            self._networks = [ip_network(each) for each in proxies if "/" in each]
        except ValueError as exc:
            raise ImproperlyConfigured(f"trusted_proxies holds what is no network: {exc}") from exc

    def __contains__(self, address: str) -> bool:
        """Whether an address, or `unix`, is believed."""
        if self.any or address in self._names:
            return True
        if not self._networks:
            return False
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


def get_ip(
    scope: Mapping[str, Any],
    *,
    trusted_proxies: Iterable[str] | TrustedProxies | None = None,
    sanitize_clientip: Sanitize | None = None,
    sanitize_proxyip: Sanitize | None = None,
    headers: Iterable[str] = ("forwarded", "x-forwarded-for"),
) -> str:
    """The address of the client of a connection: the last one in the chain of proxies that is not trusted.

    Args:
        trusted_proxies: who is believed, see `TrustedProxies`; by default what the setting `trusted_proxies` of the
            application says, else `["unix"]`. With `*` the client is the first of the chain: whatever it says.
        sanitize_clientip: changes the address that was found, such as to cut it for privacy.
        sanitize_proxyip: changes the address of the peer before it is looked up.
        headers: which fields proxies write; the first one that is there counts. Name the only one yours writes: a
            client may send the other, and no proxy would remove it.

    Raises:
        ValueError: nobody knows: no peer and no header, or a proxy that hides whom it speaks for.
        ImproperlyConfigured: what `TrustedProxies` says.
    """
    if trusted_proxies is None:
        trusted_proxies = setting_of(scope, "trusted_proxies") or [UNIX]
    trusted = trusted_proxies if isinstance(trusted_proxies, TrustedProxies) else TrustedProxies(trusted_proxies)
    client = scope.get("client")
    address = _plain(client[0]) if client and client[0] else UNIX
    if sanitize_proxyip is not None:
        address = sanitize_proxyip(address)
    if address in trusted:
        for entry in reversed(_chain(Header.from_scope(scope), headers)):
            address = _address(entry)
            if address not in trusted:
                break
    if address == UNIX:
        raise ValueError("The address of the client is unknown: it has none, and no proxy said for whom it speaks.")
    return address if sanitize_clientip is None else sanitize_clientip(address)


def _chain(fields: Header, names: Iterable[str]) -> list[str]:
    """Who sent the request, from the client to the last proxy but the peer."""
    for name in names:
        elements = parse_list(", ".join(fields.getlist(name)))
        if elements and name.lower() == "forwarded":
            return [parse_options(f";{element}")[1].get("for", "unknown") for element in elements]
        if elements:
            return elements
    return []


def _address(entry: str) -> str:
    """The address in an entry, without its port."""
    host = entry.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        ip_address(host)
    except ValueError:
        raise ValueError(
            f"The address of the client is unknown: a trusted proxy speaks for {entry!r}, which is no address."
        ) from None
    return _plain(host)


def _plain(host: str) -> str:
    """An address in its shortest form, one of IPv4 within IPv6 as IPv4's; anything else as it is."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)
