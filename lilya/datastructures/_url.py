"""URLs as values (RFC 3986): taken apart, changed, put together; the same string always has the same parts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias, TypedDict, Unpack
from urllib.parse import SplitResult, quote, unquote, urlencode, urlsplit

from lilya.datastructures._headers import Header
from lilya.datastructures._multi import MultiDict, parse_query, text_pairs
from lilya.datastructures._secret import MASK
from lilya.enums import DefaultPort

__all__ = ["URL", "URLPath"]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*|").fullmatch
_AUTHORITY = re.compile(r"[^/?#\\\x00-\x20\x7f]*").fullmatch
_NOT_IN_PATH = re.compile(r"[?#\\\x00-\x20\x7f]")  # browsers read a backslash as a slash: "/\\host" is another host
_NOT_IN_QUERY = re.compile(r"[#\x00-\x20\x7f]")
_HOST = re.compile(r"(?:[A-Za-z0-9._~\-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?").fullmatch

# What may stand in these parts as it is (RFC 3986 section 3), besides letters, digits and "_.-~".
_IN_USERINFO: Final = "!$&'()*+,;=%"
_IN_PATH: Final = "/:@!$&'()*+,;="
_IN_QUERY: Final = _IN_PATH + "?%[]"


class URLParts(TypedDict, total=False):
    """What `URL.replace` can replace."""

    scheme: str
    netloc: str
    path: str
    query: str
    fragment: str
    username: str | None
    password: str | None
    hostname: str | None
    port: int | None


_PARTS: Final = frozenset(URLParts.__annotations__)


class URL:
    """A URL and its parts. Equal to a string or URL that reads the same; never changed, only made anew.

    Args:
        url: the whole of it, or
        scheme, netloc, path, query, fragment: its parts. What would end the part it stands in, spaces and control
            characters are percent-encoded; a path that reads like a host or a scheme gets a dot in front (`/.//x`).

    Raises:
        ValueError: the string, or a part, cannot be one of a URL; or both are given.
    """

    __slots__ = ("_parts", "_text")

    def __init__(
        self,
        url: str | SplitResult | URL = "",
        *,
        scheme: str = "",
        netloc: str = "",
        path: str = "",
        query: str = "",
        fragment: str = "",
    ) -> None:
        given = SplitResult(scheme, netloc, path, query, fragment)
        if any(given) and url:
            raise ValueError("URL() takes a whole URL or its parts, not both: did you mean URL(url).replace(...)?")
        if isinstance(url, SplitResult):
            given, url = url, ""
        if any(given):
            self._parts = _checked(given)
            self._text = _compose(self._parts)
        else:
            self._text = str(url)
            self._parts = urlsplit(self._text)
        _ = self._parts.port  # raises ValueError

    @classmethod
    def build_from_scope(cls, scope: Mapping[str, Any]) -> URL:
        """The URL of a connection: its `Host`, else the server's address, else the path alone; default ports left out.

        Never fails: a `Host` that is none (RFC 9110 section 7.2) is passed over, what may not stand in a URL is
        percent-encoded. The path is the whole one, below the root at which the server holds the application.
        """
        is_websocket = scope.get("type") == "websocket"
        scheme = scope.get("scheme") or ("ws" if is_websocket else "http")
        netloc = _netloc(scope, scheme)
        path = _full_path(scope)
        query = quote(scope.get("query_string", b""), safe=_IN_QUERY)
        if not netloc or not path.startswith("/"):
            return cls(scheme=scheme if netloc else "", netloc=netloc, path=path, query=query)
        url = cls.__new__(cls)  # all parts are known to be good: no need to look at them again
        url._parts = SplitResult(scheme, netloc, path, query, "")
        url._text = _compose(url._parts)
        return url

    @property
    def scheme(self) -> str:
        """Lower-cased, without the colon; `""` if there is none."""
        return self._parts.scheme

    @property
    def netloc(self) -> str:
        """User, password, host and port, as they stand there."""
        return self._parts.netloc

    @property
    def path(self) -> str:
        """The path, percent-encoded."""
        return self._parts.path

    @property
    def query(self) -> str:
        """The query string, without the question mark."""
        return self._parts.query

    @property
    def fragment(self) -> str:
        """The fragment, without the hash."""
        return self._parts.fragment

    @property
    def username(self) -> str | None:
        """The user, percent-encoded."""
        return self._parts.username

    @property
    def password(self) -> str | None:
        """The password, percent-encoded."""
        return self._parts.password

    @property
    def hostname(self) -> str | None:
        """The host, lower-cased; an IPv6 address without its brackets."""
        return self._parts.hostname

    @property
    def port(self) -> int | None:
        """The port that stands there; `None` if there is none."""
        return self._parts.port

    @property
    def is_secure(self) -> bool:
        """Whether the scheme is `https` or `wss`."""
        return self.scheme in ("https", "wss")

    def replace(self, **parts: Unpack[URLParts]) -> URL:
        """Another URL, with some parts changed; `None` takes user, password, host or port away.

        Raises:
            TypeError: a part that no URL has.
            ValueError: as the constructor.
        """
        if unknown := parts.keys() - _PARTS:
            raise TypeError(f"A URL has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(_PARTS))}.")
        old = self._parts
        netloc = parts.get("netloc", old.netloc)
        if parts.keys() & {"username", "password", "hostname", "port"}:
            netloc = _authority(old._replace(netloc=netloc), parts)
        return URL(
            scheme=parts.get("scheme", old.scheme),
            netloc=netloc,
            path=parts.get("path", old.path),
            query=parts.get("query", old.query),
            fragment=parts.get("fragment", old.fragment),
        )

    def include_query_params(self, **params: Any) -> URL:
        """Another URL, with these parameters of the query set; a list sets several of one name."""
        query = MultiDict(parse_query(self.query))
        query.update(text_pairs(params))
        return self.replace(query=urlencode(query.multi_items()))

    def replace_query_params(self, **params: Any) -> URL:
        """Another URL, with these parameters as its whole query; a list sets several of one name."""
        return self.replace(query=urlencode(text_pairs(params)))

    def remove_query_params(self, keys: str | Iterable[str]) -> URL:
        """Another URL, without these parameters of the query."""
        removed = {keys} if isinstance(keys, str) else set(keys)
        return self.replace(query=urlencode([pair for pair in parse_query(self.query) if pair[0] not in removed]))

    def relative_url(self) -> URL:
        """The URL without scheme and host. It never names another host: a path of `//x` becomes `/.//x`."""
        return URL(path=self.path, query=self.query, fragment=self.fragment)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        shown = self.replace(password=MASK) if self.password else self
        return f"{type(self).__name__}({str(shown)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (str, URL)) and self._text == str(other)

    def __hash__(self) -> int:
        return hash(self._text)


def _authority(old: SplitResult, changed: URLParts) -> str:
    username = changed.get("username", old.username)
    password = changed.get("password", old.password)
    host = changed.get("hostname", old.hostname) or ""
    port = changed.get("port", old.port)
    user = quote(username or "", safe=_IN_USERINFO)
    if password is not None:
        user += ":" + quote(password, safe=_IN_USERINFO)
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return (f"{user}@" if user else "") + host + ("" if port is None else f":{port}")


def _checked(parts: SplitResult) -> SplitResult:
    if _SCHEME(parts.scheme) is None:
        raise ValueError(f"{parts.scheme!r} is no URL scheme: wanted a letter, then letters, digits, '+', '.' or '-'.")
    if _AUTHORITY(parts.netloc) is None:
        raise ValueError(f"{parts.netloc!r} is no host of a URL: it holds a separator, a space or a control character.")
    urlsplit(f"//{parts.netloc}")  # raises ValueError for what is no IPv6 address in its brackets
    path = _NOT_IN_PATH.sub(_encoded, parts.path)
    if parts.netloc:
        path = f"/{path}" if path and not path.startswith("/") else path
    elif path.startswith("//"):
        path = f"/.{path}"
    elif not parts.scheme and ":" in path.partition("/")[0]:
        path = f"./{path}"
    return parts._replace(
        scheme=parts.scheme.lower(),
        path=path,
        query=_NOT_IN_QUERY.sub(_encoded, parts.query),
        fragment=_NOT_IN_QUERY.sub(_encoded, parts.fragment),
    )


def _encoded(match: re.Match[str]) -> str:
    return f"%{ord(match[0]):02X}"


def _compose(parts: SplitResult) -> str:
    text = f"{parts.scheme}:" if parts.scheme else ""
    if parts.netloc or (parts.scheme and parts.path.startswith("/")):
        text += f"//{parts.netloc}"
    text += parts.path
    if parts.query:
        text += f"?{parts.query}"
    return f"{text}#{parts.fragment}" if parts.fragment else text


def _netloc(scope: Mapping[str, Any], scheme: str) -> str:
    host = Header.from_scope(scope).get("host", "").strip()
    if not _is_host(host):
        name, port = scope.get("server") or ("", None)
        host = f"[{name}]" if ":" in name else name
        host = host if port is None else f"{host}:{port}"
        if not _is_host(host):  # none known, or a unix socket
            return ""
    name, _, port = host.rpartition(":")
    if not name or host.endswith("]"):
        return host
    default = DefaultPort.__members__.get(scheme.upper())
    return name if not port or int(port) == default else host


def _is_host(text: str) -> bool:
    """Whether it is a host with or without a port, and nothing more: a `Host` field is the client's to write."""
    if _HOST(text) is None:
        return False
    try:
        _ = urlsplit(f"//{text}").port
    except ValueError:
        return False
    return True


def _full_path(scope: Mapping[str, Any]) -> str:
    path: str = scope.get("path", "")
    raw: bytes | None = scope.get("raw_path")
    root: str = scope.get("app_root_path", scope.get("root_path", "")).rstrip("/")
    # The raw path tells an encoded slash from a slash; it is worth nothing once a middleware has changed the path.
    encoded = quote(path, safe=_IN_PATH, errors="replace")
    if raw and b"%" in raw and unquote(raw.decode("latin-1")) == path:
        encoded = quote(raw, safe=_IN_PATH + "%")
    # Some servers leave the root out of the path (ASGI puts it in).
    if root and path != root and not path.startswith(f"{root}/"):
        encoded = quote(root, safe=_IN_PATH, errors="replace") + encoded
    return encoded


_Protocol: TypeAlias = Literal["", "http", "websocket"]
_SCHEMES: Final[Mapping[str, tuple[str, str]]] = {"http": ("http", "https"), "websocket": ("ws", "wss")}


class URLPath(str):
    """The path that leads to a route, with what is needed to make a whole URL of it.

    Args:
        path: percent-encoded.
        protocol: `http` or `websocket`; `""` counts as `http`.
        host: the host the route answers for, with a port if it has one; `""` for any.
    """

    __slots__ = ("host", "protocol")

    protocol: _Protocol
    host: str

    def __new__(cls, path: str, protocol: _Protocol = "", host: str = "") -> URLPath:
        self = super().__new__(cls, path)
        self.protocol = protocol
        self.host = host
        return self

    def make_absolute_url(self, base_url: str | URL) -> URL:
        """The whole URL below `base_url`: secure if that is, on its host unless this path has one of its own."""
        base = URL(base_url)
        scheme = _SCHEMES[self.protocol or "http"][base.is_secure]
        return URL(scheme=scheme, netloc=self.host or base.netloc, path=base.path.rstrip("/") + str(self))
