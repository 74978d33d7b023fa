"""How the in-memory server behaves where real servers differ, and what it checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lilya.exceptions import ImproperlyConfigured

__all__ = ["DEFAULT_EXTENSIONS", "ServerOptions"]

# What `scope["extensions"]` offers, and what it may offer.
DEFAULT_EXTENSIONS = frozenset({"http.response.debug", "websocket.http.response"})
_EXTENSIONS = frozenset(
    {
        *DEFAULT_EXTENSIONS,
        "http.response.early_hint",
        "http.response.pathsend",
        "http.response.push",
        "http.response.trailers",
        "http.response.zerocopysend",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Everything about the in-memory server that can be set; `ImproperlyConfigured` where it makes no sense.

    `response_buffer`: bytes of a response body the server takes before the client has read them. With 0, the default,
        `send` returns when the client has the piece, so nothing runs ahead of the test. A last piece of no more than
        `message_size` is never waited for: the response is over with it.
    `request_buffer`: bytes of a streamed request body the client sends before the application has received them.
    `message_size`: a larger piece of a request body is cut into messages of this many bytes, as servers do.
    `websocket_buffer`: bytes under way in each direction of a websocket before the sender waits.
    `send_after_disconnect`: "ignore" does nothing (hypercorn), "ignore_without_yield" does nothing and is no
        checkpoint either (uvicorn), "raise" raises an `OSError` (ASGI 2.4).
    `drop_unread_body`: a disconnect overtakes the request body that is not received yet (uvicorn) instead of following
        it (hypercorn).
    `disconnect_grace`: seconds (of the event loop's clock) an application may go on after its client left early; then
        it is cancelled, so that no test hangs.
    `lifespan_timeout`: seconds (of the event loop's clock) the start-up, and then the shutdown, of the application may
        take; then it is cancelled and `LifespanTimeout` raised. None for no bound. The default is a day, which on a
        virtual clock is over at once when nothing else can happen.
    `client`: the client's address and port in `scope["client"]`, such as `("192.0.2.1", 50000)`; None, the default: the
        server does not know.
    `extensions`: the names `scope["extensions"]` offers; besides the default also "http.response.early_hint",
        "http.response.pathsend", "http.response.push", "http.response.trailers" and "http.response.zerocopysend".
    `check_conformance`: judge the contents of messages and the application's return, not only the order of messages.
    `raise_app_exceptions`: an exception of the application reaches the client as itself; if not, it becomes a response
        of status 500, or a response cut short.
    `wait_for_background`: a finished response waits for the application to return, background tasks included.
    """

    response_buffer: int = 0
    request_buffer: int = 0
    message_size: int = 65536
    websocket_buffer: int = 65536
    send_after_disconnect: Literal["ignore", "ignore_without_yield", "raise"] = "ignore"
    drop_unread_body: bool = False
    disconnect_grace: float = 1.0
    lifespan_timeout: float | None = 86_400.0
    client: tuple[str, int] | None = None
    extensions: frozenset[str] = DEFAULT_EXTENSIONS
    check_conformance: bool = True
    raise_app_exceptions: bool = True
    wait_for_background: bool = True

    def __post_init__(self) -> None:
        unknown = self.extensions - _EXTENSIONS
        if unknown:
            raise ImproperlyConfigured(f"unknown extensions {sorted(unknown)}; there are {sorted(_EXTENSIONS)}")
        if self.message_size < 1:
            raise ImproperlyConfigured(f"message_size wants at least 1 byte, got {self.message_size}")
        for name in ("response_buffer", "request_buffer", "websocket_buffer", "disconnect_grace", "lifespan_timeout"):
            if (getattr(self, name) or 0) < 0:
                raise ImproperlyConfigured(f"{name} wants at least 0, got {getattr(self, name)}")
