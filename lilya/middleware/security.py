"""The headers that ask browsers to protect the users of a page."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Final

from lilya._sansio.headers import check_value
from lilya.exceptions import ImproperlyConfigured
from lilya.types import ASGIApp, Message, RawHeaders, Receive, Scope, Send

__all__ = ["NONCE", "SecurityMiddleware"]

# The scope key with the nonce of a request, and what stands for it in a policy.
NONCE: Final = "csp_nonce"
PLACE: Final = "{nonce}"
# Random bytes of a nonce: the recommendation asks for 128 bits (Content Security Policy Level 3, section 7.1).
NONCE_BYTES: Final = 16


class SecurityMiddleware:
    """Adds seven headers to answers, each unless the answer has it already; `None` leaves one out.

    `{nonce}` in the policy becomes a new random text in every request; `request.scope["csp_nonce"]` is that text, for
    the `nonce` of the page's own scripts. An answer with one must not be kept by caches.

    Args:
        content_policy: `Content-Security-Policy` as text, or its directives: `{"default-src": ["'self'", "cdn.test"]}`.
        cross_origin_opener_policy: the value of `Cross-Origin-Opener-Policy`; the next ones likewise.
        content_type_options: the value of `X-Content-Type-Options`.
        frame_options: the value of `X-Frame-Options`.
        xss_protection: the value of `X-XSS-Protection`.

    Raises:
        ImproperlyConfigured: what cannot stand in a header, or in a directive.
    """

    def __init__(
        self,
        app: ASGIApp,
        content_policy: str | Mapping[str, str | Iterable[str]] | None = None,
        cross_origin_opener_policy: str | None = "same-origin",
        referrer_policy: str | None = "same-origin",
        strict_transport_security: str | None = "max-age=31556926; includeSubDomains",
        content_type_options: str | None = "nosniff",
        frame_options: str | None = "DENY",
        xss_protection: str | None = "1; mode=block",
    ) -> None:
        self.app = app
        self.content_policy = _policy(content_policy)
        self._has_nonce = PLACE in (self.content_policy or "")
        given = {
            "content-security-policy": self.content_policy,
            "cross-origin-opener-policy": cross_origin_opener_policy,
            "referrer-policy": referrer_policy,
            "strict-transport-security": strict_transport_security,
            "x-content-type-options": content_type_options,
            "x-frame-options": frame_options,
            "x-xss-protection": xss_protection,
        }
        try:
            self._lines = [
                (name.encode(), check_value(name, value).encode("latin-1")) for name, value in given.items() if value
            ]
        except ValueError as exc:
            raise ImproperlyConfigured(str(exc)) from exc

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside; what is no request passes untouched."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        lines = self._lines_with_nonce(scope) if self._has_nonce else self._lines

        async def send_securely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers") or ())
                names = {name.lower() for name, _ in headers}
                headers += [line for line in lines if line[0] not in names]
                message = {**message, "headers": headers}
            await send(message)

        await self.app(scope, receive, send_securely)

    def _lines_with_nonce(self, scope: Scope) -> RawHeaders:
        # One that a layer further out made is kept: the browser wants a script to fit every policy of the answer.
        nonce = scope.setdefault(NONCE, secrets.token_urlsafe(NONCE_BYTES)).encode()
        (name, policy), *others = self._lines
        return [(name, policy.replace(PLACE.encode(), nonce)), *others]


def _policy(policy: str | Mapping[str, str | Iterable[str]] | None) -> str | None:
    if policy is None or isinstance(policy, str):
        return policy
    directives = []
    for name, sources in policy.items():
        text = sources if isinstance(sources, str) else " ".join(sources)
        if ";" in text or "," in text:
            raise ImproperlyConfigured(
                f"content_policy[{name!r}] got {text!r}: ';' and ',' would begin another directive or policy; "
                "give each directive a key of its own"
            )
        directives.append(f"{name} {text}".strip())
    return "; ".join(directives)
