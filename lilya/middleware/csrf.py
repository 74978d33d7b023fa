"""Protection against requests that pages of other sites make in a user's name (cross-site request forgery).

Two lines stand behind each other. The browser says where a request was made (`Sec-Fetch-Site`, `Origin`); what comes
from elsewhere is refused. And who changes something must show a token that only our pages can read: the cookie has it,
and a header or a form field repeats it (a signed double submit).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Final

from lilya._asgi.exchange import exchange_of
from lilya._asgi.inbox import Inbox
from lilya._connection import inbox_of
from lilya._current import setting_of
from lilya._forms import form_read
from lilya._handling.refusing import refuse_with
from lilya._sansio.cookies import format_cookie, parse_cookies
from lilya._sansio.csrf import (
    check_origin,
    field_finder,
    is_cross_site,
    make_token,
    same_token,
    signed_part,
)
from lilya._sansio.http import SAFE_METHODS
from lilya.datastructures._headers import Header
from lilya.exceptions import (
    ClientDisconnect,
    ContentTooLarge,
    HTTPException,
    ImproperlyConfigured,
    PermissionDenied,
)
from lilya.middleware._answers import with_headers
from lilya.middleware._secrets import SecretKeys, secret_keys
from lilya.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["COOKIE_NAME", "CSRF_TOKEN", "HEADER_NAME", "CSRFMiddleware"]

logger = logging.getLogger("lilya.csrf")

# The scope key under which the layers further in find the token.
CSRF_TOKEN: Final = "csrf_token"
COOKIE_NAME: Final = "csrftoken"
HEADER_NAME: Final = "X-CSRFToken"
# How far into a form its token is looked for, in bytes. What was read is kept for the application.
MAX_BODY_SIZE: Final = 2 * 1024 * 1024


class CSRFMiddleware:
    """Refuses requests that pages of other origins make, and those that change something without our token.

    `scope["csrf_token"]` is the token, for pages and scripts to repeat. A safe request without one gets the cookie.
    What is refused is `PermissionDenied` (403) for the exception handlers, wherever this layer stands. To find the
    token in a form, the form is read so far as the token stands, or `max_body_size`; it is then read by the
    application as if nobody had.

    Args:
        secret: signs the tokens; of several keys the first signs, and all are believed.
        cookie_name: `csrftoken`; `__Host-csrftoken` with `secure` keeps neighbouring hosts from planting one.
        header_name: `X-CSRFToken`.
        cookie_path: `/`.
        safe_methods: that change nothing: GET, HEAD, OPTIONS, TRACE, QUERY.
        secure, httponly, samesite, domain: of the cookie. With `httponly` no script can read it.
        form_field_name: by default the setting `csrf_token_name` of the application, else `csrf_token`.
        max_body_size: how far into a form the token is looked for, in bytes; beyond that, 413. Put it before files.
        trusted_origins: other origins whose pages may write here, such as `https://admin.example.org`.
        check_websockets: whether websockets opened by pages of other origins are refused: the browser sends our
            cookies along, and no rule of CORS holds it back.

    Raises:
        ImproperlyConfigured: no secret, an origin no browser sends, a cookie no browser takes, text for a list.
    """

    def __init__(
        self,
        app: ASGIApp,
        secret: SecretKeys,
        cookie_name: str | None = None,
        header_name: str | None = None,
        cookie_path: str | None = None,
        safe_methods: Iterable[str] | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: str = "lax",
        domain: str | None = None,
        form_field_name: str | None = None,
        max_body_size: int = MAX_BODY_SIZE,
        *,
        trusted_origins: Iterable[str] = (),
        check_websockets: bool = True,
    ) -> None:
        for name, given in (("safe_methods", safe_methods), ("trusted_origins", trusted_origins)):
            if isinstance(given, str):
                raise ImproperlyConfigured(f"{name} got the text {given!r}, wanted a list; did you mean {[given]!r}?")
        self.app = app
        self._keys = secret_keys("secret", secret)
        self.cookie_name = cookie_name or COOKIE_NAME
        self.header_name = header_name or HEADER_NAME
        self.safe_methods = SAFE_METHODS if safe_methods is None else frozenset(each.upper() for each in safe_methods)
        self.form_field_name = form_field_name
        self.max_body_size = max_body_size
        self.check_websockets = check_websockets
        self._attributes: dict[str, Any] = {
            "path": cookie_path or "/",
            "secure": secure,
            "httponly": httponly,
            "samesite": samesite,
            "domain": domain,
        }
        try:
            self.trusted_origins = frozenset(check_origin(each) for each in trusted_origins)
            self._cookie("")
        except (AssertionError, ValueError) as exc:
            raise ImproperlyConfigured(f"CSRFMiddleware: {exc}") from exc

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside what may be served; a lifespan passes. Cancelling loses nothing of the body."""
        kind = scope["type"]
        if kind == "websocket":
            if self.check_websockets and self._is_cross_site(scope, Header.from_scope(scope)):
                return await self._refuse("a websocket from another origin", scope, receive, send)
        elif kind == "http":
            return await self._serve(scope, receive, send)
        await self.app(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Header.from_scope(scope)
        token = parse_cookies(headers.getlist("cookie")).get(self.cookie_name, "")
        known = signed_part(self._keys, token) is not None
        scope[CSRF_TOKEN] = token = token if known else make_token(self._keys[0])
        if scope["method"] not in self.safe_methods:
            return await self._serve_change(token if known else None, headers, scope, receive, send)

        def hand_out(headers: Header) -> None:
            self._hand_out(None if known else token, headers)

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = with_headers(message, hand_out)
            await send(message)

        await self.app(scope, receive, send_with_cookie)

    async def _serve_change(
        self, token: str | None, headers: Header, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Serve what changes something, if a page of ours asks for it."""
        if self._is_cross_site(scope, headers):
            return await self._refuse("a request from another origin", scope, receive, send)
        if token is None:
            return await self._refuse("a request without the cookie", scope, receive, send)
        repeated = headers.get(self.header_name)
        if repeated is None:
            exchange = exchange_of(scope)
            inbox = inbox_of(exchange, scope, receive)
            if exchange is None or receive != exchange.receive:
                receive = inbox.receive
            try:
                repeated = await self._find(scope, inbox, headers.get("content-type", ""))
            except ClientDisconnect:
                if exchange is None:
                    return  # nobody is there to be answered, and who called us does not know this exception
                raise
            except HTTPException as exc:
                return await refuse_with(exc, scope, receive, send)
        if repeated is None or not same_token(self._keys, token, repeated):
            return await self._refuse("a request without its token", scope, receive, send)
        await self.app(scope, receive, send)

    async def _find(self, scope: Scope, inbox: Inbox, content_type: str) -> str | None:
        """The field of the form, which stays where it is. Raises a 400 or a 413 for a form that is not taken."""
        name = self._field_name(scope)
        form = form_read(scope, inbox)
        if form is not None:  # a layer outside has read it: of the body nothing is left
            return next((value for value in form.getlist(name) if isinstance(value, str)), None)
        finder = field_finder(name, content_type)
        if finder is None:
            return None
        if not await inbox.preview(finder.see, self.max_body_size):
            raise ContentTooLarge(detail=f"The first {self.max_body_size} bytes of the form hold no CSRF token.")
        finder.end()
        return finder.value

    def _field_name(self, scope: Scope) -> str:
        return self.form_field_name or setting_of(scope, "csrf_token_name") or "csrf_token"

    def _is_cross_site(self, scope: Scope, headers: Header) -> bool:
        hosts = headers.getlist("host")
        return is_cross_site(
            headers.get("sec-fetch-site"),
            headers.get("origin"),
            hosts[0] if len(hosts) == 1 else "",
            scope.get("scheme", "http"),
            self.trusted_origins,
        )

    async def _refuse(self, what: str, scope: Scope, receive: Receive, send: Send) -> None:
        logger.debug("%s is refused: %s", what, scope.get("path"))
        await refuse_with(PermissionDenied(detail="CSRF token verification failed."), scope, receive, send)

    def _cookie(self, token: str) -> str:
        return format_cookie(self.cookie_name, token, **self._attributes)

    def _hand_out(self, token: str | None, headers: Header) -> None:
        """Say in the answer to a safe request that it is for this client alone; give it the token, unless it has it."""
        headers.add_vary_header("Cookie")
        own = f"{self.cookie_name}="
        if token is not None and not any(each.lstrip().startswith(own) for each in headers.getlist("set-cookie")):
            headers.add("set-cookie", self._cookie(token))
