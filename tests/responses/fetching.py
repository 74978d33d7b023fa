"""A request made by hand, and everything that came back: for apps that are used alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lilya.testing.script import ScriptedExchange
from lilya.testing.server import http_scope
from lilya.types import ASGIApp, Message, Scope

__all__ = ["Fetched", "fetch"]


@dataclass
class Fetched:
    """The messages an app sent."""

    messages: list[Message] = field(default_factory=list)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode("latin-1") for name, value in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])

    @property
    def kinds(self) -> list[str]:
        return [message["type"].rpartition(".")[2] for message in self.messages]


async def fetch(
    app: ASGIApp,
    target: str = "/",
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    extensions: Iterable[str] = (),
    root_path: str = "",
    **scope: Any,
) -> Fetched:
    """Call `app` once, as a client does that stays. Its exception is raised here."""
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
    asked: Scope = http_scope(method, target, headers=raw, root_path=root_path)
    asked |= {"extensions": {name: {} for name in extensions}, **scope}
    exchange = ScriptedExchange(app, asked, [{"type": "http.request", "body": b"", "more_body": False}])
    await exchange.run()
    return Fetched([each.message for each in exchange.sent])
