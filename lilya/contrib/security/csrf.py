"""The tokens of `CSRFMiddleware`, for those who hand them out by themselves."""

from __future__ import annotations

from typing import Any, Unpack

from lilya._sansio.cookies import CookieAttributes
from lilya._sansio.csrf import make_token, same_token, signed_part
from lilya.datastructures._cookie import Cookie
from lilya.middleware._secrets import SecretKeys, secret_keys
from lilya.middleware.csrf import COOKIE_NAME, CSRF_TOKEN
from lilya.requests import Connection
from lilya.responses.base import Response

__all__ = [
    "build_csrf_cookie",
    "decode_csrf_token",
    "ensure_csrf_cookie",
    "generate_csrf_token",
    "get_or_set_csrf_token",
    "tokens_match",
]


def generate_csrf_token(secret: SecretKeys) -> str:
    """A new token: 64 random hexadecimal digits, and their HMAC-SHA256 in 64 more.

    Raises `ImproperlyConfigured` for an empty secret, as all of these functions do.
    """
    return make_token(secret_keys("secret", secret)[0])


def decode_csrf_token(secret: SecretKeys, token: str) -> str | None:
    """The random digits of a token, or None if it is not ours."""
    return signed_part(secret_keys("secret", secret), token)


def tokens_match(secret: SecretKeys, one: str, other: str) -> bool:
    """Whether two texts are the same token and it is ours; takes as long whether they are or not."""
    return same_token(secret_keys("secret", secret), one, other)


def build_csrf_cookie(token: str, *, cookie_name: str = COOKIE_NAME, **attributes: Unpack[CookieAttributes]) -> Cookie:
    """The cookie of a token. Raises `ValueError` for attributes that browsers do not take."""
    given: dict[str, Any] = {**attributes}
    return Cookie(cookie_name, token, **given)


def ensure_csrf_cookie(
    response: Response, token: str, *, cookie_name: str = COOKIE_NAME, **attributes: Unpack[CookieAttributes]
) -> None:
    """Let a response set the cookie of a token, unless it sets one of that name already."""
    if not any(each.startswith(f"{cookie_name}=") for each in response.headers.getlist("set-cookie")):
        cookie = build_csrf_cookie(token, cookie_name=cookie_name, **attributes)
        response.headers.add("set-cookie", cookie.to_header(header=""))


def get_or_set_csrf_token(
    request: Connection,
    secret: SecretKeys,
    *,
    response: Response | None = None,
    cookie_name: str = COOKIE_NAME,
    **attributes: Unpack[CookieAttributes],
) -> str:
    """The token of a request: the middleware's, else the one of its cookie, else a new one.

    A new one is of use when the client gets it: give the `response`, or set the cookie yourself.
    """
    token: str | None = request.scope.get(CSRF_TOKEN)
    if token is not None:
        return token
    token = request.cookies.get(cookie_name, "")
    if decode_csrf_token(secret, token) is None:
        token = generate_csrf_token(secret)
        if response is not None:
            ensure_csrf_cookie(response, token, cookie_name=cookie_name, **attributes)
    request.scope[CSRF_TOKEN] = token
    return token
