"""Whether other sites may show a page in a frame (RFC 7034)."""

from __future__ import annotations

from typing import Final

from lilya._current import setting_of
from lilya.datastructures._headers import Header
from lilya.exceptions import ImproperlyConfigured
from lilya.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["XFrameOptionsMiddleware"]

OPTIONS: Final = ("DENY", "SAMEORIGIN")


class XFrameOptionsMiddleware:
    """Adds `X-Frame-Options` to answers that have none.

    Args:
        frame_options: `DENY` or `SAMEORIGIN`, in any case. By default what the setting `x_frame_options` of the
            application says, else `DENY`.

    Raises:
        ImproperlyConfigured: another value, which browsers would take for none; one of a setting at the first answer.
    """

    def __init__(self, app: ASGIApp, frame_options: str | None = None) -> None:
        self.app = app
        self._line = None if frame_options is None else _line(frame_options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside; what is no request passes untouched."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        line = self._line or _line(setting_of(scope, "x_frame_options") or "DENY")

        async def send_with_option(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers") or ())
                if "x-frame-options" not in Header.from_raw(headers):
                    message = {**message, "headers": [*headers, line]}
            await send(message)

        await self.app(scope, receive, send_with_option)


def _line(option: str) -> tuple[bytes, bytes]:
    if option.upper() not in OPTIONS:
        raise ImproperlyConfigured(f"X-Frame-Options got {option!r}, wanted 'DENY' or 'SAMEORIGIN'")
    return b"x-frame-options", option.upper().encode()
