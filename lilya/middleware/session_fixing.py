"""Sessions that stay with the address they began at: a stolen cookie is of no use elsewhere."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, Final

from lilya._define import import_string
from lilya.clientip import get_ip
from lilya.concurrency.threads import enforce_async_callable
from lilya.exceptions import ImproperlyConfigured
from lilya.middleware.clientip import CLIENT_IP, UNKNOWN
from lilya.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["SESSION_IP", "SessionFixingMiddleware"]

# Where the address stands in the session.
SESSION_IP: Final = "real-clientip"


class SessionFixingMiddleware:
    """Ends a session when the address of its client changes. Put it inside of `SessionMiddleware`.

    The address is that of a `ClientIPMiddleware` outside of it, else what `lilya.clientip.get_ip` finds. It is noted in
    a session that holds something. With a store the session goes on under a new id, and the old one is gone.

    Args:
        notify_fn: told of every change by `notify_fn(*, old_session, old_ip, new_session, new_ip)`, sync (in a thread)
            or async, or the dotted path of such a function. `new_session` is empty, and may be filled.

    Raises:
        ImproperlyConfigured: a dotted path that leads nowhere.
    """

    def __init__(self, app: ASGIApp, notify_fn: Callable[..., Any] | str | None = None) -> None:
        self.app = app
        found = import_string(notify_fn) if isinstance(notify_fn, str) else notify_fn
        if found is not None and not callable(found):
            raise ImproperlyConfigured(f"notify_fn is {notify_fn!r}, which cannot be called")
        self._notify = None if found is None else enforce_async_callable(found)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside; a lifespan passes. Raises `ImproperlyConfigured` where there is no session."""
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        if "session" not in scope:
            raise ImproperlyConfigured("SessionMiddleware must be installed, outside of SessionFixingMiddleware")
        session, ip = scope["session"], _address(scope)
        old_ip = session.get(SESSION_IP)
        if old_ip is not None and old_ip != ip:
            old = dict(session)
            session.clear()
            if hasattr(session, "regenerate"):
                session.regenerate()
            if self._notify is not None:
                await self._notify(old_session=old, old_ip=old_ip, new_session=session, new_ip=ip)

        async def send_noted(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                _note(scope["session"], ip)
            await send(message)

        await self.app(scope, receive, send_noted)


def _note(session: MutableMapping[str, Any], ip: str) -> None:
    if session and SESSION_IP not in session:
        session[SESSION_IP] = ip


def _address(scope: Scope) -> str:
    known: str | None = scope.get(CLIENT_IP)
    if known is not None:
        return known
    try:
        return get_ip(scope)
    except ImproperlyConfigured:  # a ValueError too, but the fault is ours
        raise
    except ValueError:
        return UNKNOWN
