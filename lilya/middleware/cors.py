"""Cross-origin resource sharing: which other sites' scripts may read the answers (Fetch Standard, "CORS protocol")."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from lilya._sansio.headers import is_token, parse_list
from lilya.datastructures._headers import Header
from lilya.exceptions import ImproperlyConfigured
from lilya.middleware._answers import with_headers
from lilya.responses.base import PlainText
from lilya.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["CORSMiddleware"]

# What `*` stands for: with credentials, browsers take it for a method of that name.
ALL_METHODS: Final = ("GET", "QUERY", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
# The request headers that every script may set.
SAFELISTED: Final = frozenset({"Accept", "Accept-Language", "Content-Language", "Content-Type"})

_ORIGIN = re.compile(r"[a-z][a-z0-9+.\-]*://[^\s/?#@*]+").fullmatch


class CORSMiddleware:
    """Answers preflights, and tells browsers which origins may read an answer. Without `Origin` a request is let by.

    It protects the users of browsers, not the application: whoever is not allowed is served too, only unread.

    Args:
        allow_origins: such as `https://example.org` or `http://localhost:3000`, exactly as browsers send them, or `*`.
        allow_methods: besides nothing, `GET` alone; `*` allows all of them.
        allow_headers: besides those always allowed; `*` allows what is asked for.
        allow_credentials: whether cookies and authorization may be sent along.
        allow_origin_regex: origins that match it, from their first to their last character, are allowed too.
        allow_private_networks: whether public sites may reach this server in a private network.
        expose_headers: the response headers that scripts may read.
        max_age: how long a browser may keep the answer to a preflight, in seconds.

    Raises:
        ImproperlyConfigured: an origin that no browser sends, a pattern that is none, text in place of a list.
    """

    def __init__(
        self,
        app: ASGIApp,
        allow_origins: Iterable[str] | None = None,
        allow_methods: Iterable[str] | None = None,
        allow_headers: Iterable[str] | None = None,
        allow_credentials: bool = False,
        allow_origin_regex: str | re.Pattern[str] | None = None,
        allow_private_networks: bool = False,
        expose_headers: Iterable[str] | None = None,
        max_age: int = 600,
    ) -> None:
        self.app = app
        origins = _listed("allow_origins", allow_origins)
        methods = _tokens("allow_methods", allow_methods) or ("GET",)
        headers = _tokens("allow_headers", allow_headers)
        exposed = _tokens("expose_headers", expose_headers)
        self.allow_all_origins = "*" in origins
        self.allow_origins = frozenset(_origin(each) for each in origins)
        self.allow_origin_regex = _pattern(allow_origin_regex)
        self.allow_methods = ALL_METHODS if "*" in methods else methods
        self.allow_all_headers = "*" in headers
        self.allow_headers = tuple(sorted(SAFELISTED | set(headers)))
        self.allow_private_networks = allow_private_networks
        self._known_headers = frozenset(name.lower() for name in self.allow_headers)

        credentials = {"Access-Control-Allow-Credentials": "true"} if allow_credentials else {}
        self._names_origin = not self.allow_all_origins or allow_credentials  # in the answer to a preflight
        self._simple = credentials | ({"Access-Control-Expose-Headers": ", ".join(exposed)} if exposed else {})
        self._preflight = {
            **({"Vary": "Origin"} if self._names_origin else {"Access-Control-Allow-Origin": "*"}),
            "Access-Control-Allow-Methods": ", ".join(self.allow_methods),
            "Access-Control-Max-Age": str(max_age),
            **({} if self.allow_all_headers else {"Access-Control-Allow-Headers": ", ".join(self.allow_headers)}),
            **credentials,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight; serve everything else inside, with the headers of CORS added to its answer."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        request = Header.from_scope(scope)
        origin = request.get("origin")
        if origin is None:
            if self.allow_all_origins:
                return await self.app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and "access-control-request-method" in request:
            return await self._answer_preflight(origin, request)(scope, receive, send)

        granted = None
        if origin is not None and self.is_allowed_origin(origin):
            granted = "*" if self.allow_all_origins and "cookie" not in request else origin

        def share(headers: Header) -> None:
            self._share(granted, headers)

        async def send_with_cors(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = with_headers(message, share)
            await send(message)

        await self.app(scope, receive, send_with_cors)

    def is_allowed_origin(self, origin: str) -> bool:
        """Whether scripts of `origin` may read the answers."""
        if not (origin.isascii() and origin.isprintable()):
            return False  # no browser sends it, and it would come back in our answer
        if self.allow_all_origins or origin in self.allow_origins:
            return True
        return self.allow_origin_regex is not None and self.allow_origin_regex.fullmatch(origin) is not None

    def _share(self, granted: str | None, headers: Header) -> None:
        """Say whom an answer is for, and that a cache must not give it to others."""
        if granted is not None:
            headers["access-control-allow-origin"] = granted
            headers.update(self._simple)
        if granted != "*":
            headers.add_vary_header("Origin")

    def _answer_preflight(self, origin: str, request: Header) -> PlainText:
        headers = dict(self._preflight)
        failures = []
        if not self.is_allowed_origin(origin):
            failures.append("origin")
        elif self._names_origin:
            headers["Access-Control-Allow-Origin"] = origin
        if request["access-control-request-method"] not in self.allow_methods:
            failures.append("method")
        wanted = request.get("access-control-request-headers", "")
        names = parse_list(wanted)
        if not all(is_token(name) if self.allow_all_headers else name.lower() in self._known_headers for name in names):
            failures.append("headers")
        elif names and self.allow_all_headers:
            headers["Access-Control-Allow-Headers"] = wanted
        if request.get("access-control-request-private-network") == "true":
            if self.allow_private_networks:
                headers["Access-Control-Allow-Private-Network"] = "true"
            else:
                failures.append("private-network")
        if not failures:
            return PlainText("OK", headers=headers)
        what = "Private Network Access" if failures == ["private-network"] else "CORS"
        return PlainText(f"Disallowed {what} {', '.join(failures)}", status_code=400, headers=headers)


def _listed(name: str, given: Iterable[str] | None) -> tuple[str, ...]:
    if isinstance(given, str):
        raise ImproperlyConfigured(f"{name} got the text {given!r}, wanted a list; did you mean {[given]!r}?")
    return tuple(given or ())


def _tokens(name: str, given: Iterable[str] | None) -> tuple[str, ...]:
    names = _listed(name, given)
    for each in names:
        if not is_token(each):
            raise ImproperlyConfigured(f"{name} got {each!r}, wanted a name without spaces or separators")
    return names


def _origin(text: str) -> str:
    if text in ("*", "null"):
        return text
    origin = text.lower()  # as browsers send it
    if _ORIGIN(origin) is None:
        raise ImproperlyConfigured(
            f"allow_origins got {text!r}, which no browser sends: wanted 'scheme://host' or 'scheme://host:port' "
            "without a path, or '*'. For many hosts, such as all sub-domains, give allow_origin_regex."
        )
    return origin


def _pattern(pattern: str | re.Pattern[str] | None) -> re.Pattern[str] | None:
    try:
        return None if pattern is None else re.compile(pattern)
    except re.error as exc:
        raise ImproperlyConfigured(
            f"allow_origin_regex got {pattern!r}, which is no regular expression: {exc}"
        ) from exc
