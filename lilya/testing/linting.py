"""A middleware that judges both sides of every connection by the ASGI specification."""

from __future__ import annotations

from collections.abc import Mapping, MutableSequence
from typing import Any

from lilya._sansio import lifespan, websocket
from lilya.testing.conformance import HTTPJudge, Judge, LifespanJudge, WebSocketJudge
from lilya.testing.conformance_server import (
    HTTPServerJudge,
    LifespanServerJudge,
    ServerJudge,
    WebSocketServerJudge,
    judge_scope,
)
from lilya.testing.exceptions import ASGISpecViolation
from lilya.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["lint"]


def lint(app: ASGIApp, *, record: MutableSequence[ASGISpecViolation] | None = None) -> ASGIApp:
    """Wrap `app`, of any framework and for any server, and judge what it sends and what the server hands in.

        app = lint(app)                     # in a test: faults are raised
        app = lint(app, record=faults)      # in a server: faults are appended, everything is passed on

    Judged are HTTP, websockets and the lifespan: scopes, the order of messages, what is in them, the return of the call
    and what is sent after it. Each fault is an `ASGISpecViolation` with its `section` of the specification and its
    `culprit`, "application" or "server". Without `record` it is raised where it happens: from the call for a scope,
    from `receive` and `send` for a message, and once more from the call should the application swallow it. Nothing is
    changed, copied or held back on the way; connections of other types are left alone. Starts no task: cancellation
    passes through.
    """

    async def linted(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("type") not in ("http", "websocket", "lifespan"):
            await app(scope, receive, send)
        else:
            await _Connection(scope, receive, send, record).run(app)

    return linted


class _Connection:
    """One call, seen from between the two sides."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, record: MutableSequence[ASGISpecViolation] | None
    ) -> None:
        self._scope = scope
        self._from_server = receive
        self._to_server = send
        self._record = record
        self._found: ASGISpecViolation | None = None  # raised already; the application may swallow it
        self._gone = False  # the application has been told that the client left, or that the server stops
        self._returned = False
        self._app_side, self._server_side = _judges(scope)

    async def run(self, app: ASGIApp) -> None:
        try:
            judge_scope(self._scope)
        except ASGISpecViolation as violation:
            self._report(violation)
        try:
            await app(self._scope, self._receive, self._send)
        finally:
            self._returned = True
        if self._found is not None:
            raise self._found
        if not self._gone and self._owes():
            try:
                self._app_side.returned()
            except ASGISpecViolation as violation:
                self._report(violation)

    def _owes(self) -> bool:
        """Whether the application must answer: one that receives nothing of the lifespan does not know it."""
        if isinstance(self._app_side, LifespanJudge) and isinstance(self._server_side, LifespanServerJudge):
            asked = (lifespan.ASLEEP, lifespan.RUNNING, lifespan.ENDED).index(self._server_side.phase)
            return asked > self._app_side.answers
        return True

    async def _receive(self) -> Message:
        message = await self._from_server()
        try:
            self._server_side.passed(message)
        except ASGISpecViolation as violation:
            self._report(violation)
        self._gone = self._gone or _kind(message) in ("http.disconnect", "websocket.disconnect")
        return message

    async def _send(self, message: Message) -> None:
        try:
            if self._returned:
                raise ASGISpecViolation(
                    f"{_kind(message)!r} was sent after the application's call had returned: "
                    "what it started must end before it",
                    "ASGI, Extra Coroutines",
                )
            self._app_side.passed(message)
            self._judge_turn(message)
        except ASGISpecViolation as violation:
            self._report(violation)
        try:
            await self._to_server(message)
        except OSError:  # ASGI 2.4: the client is gone
            self._gone = True
            raise

    def _judge_turn(self, message: Message) -> None:
        """An answer of the lifespan comes after its question; a crash may be told at any time."""
        phase = self._server_side.phase
        early = {"lifespan.startup.complete": lifespan.ASLEEP, "lifespan.shutdown.complete": lifespan.RUNNING}
        if early.get(message["type"]) is phase:
            raise self._app_side.violation(f"{message['type']!r} was sent before it was asked for")

    def _report(self, violation: ASGISpecViolation) -> None:
        if self._record is not None:
            self._record.append(violation)
            return
        self._found = self._found or violation  # the first is the cause of others
        raise violation


def _kind(message: Any) -> Any:
    return message.get("type") if isinstance(message, Mapping) else None


def _judges(scope: Scope) -> tuple[Judge, ServerJudge]:
    extensions = scope.get("extensions") or {}
    if scope["type"] == "http":
        return HTTPJudge(extensions, bodiless=scope.get("method") == "HEAD"), HTTPServerJudge()
    if scope["type"] == "websocket":
        judge = WebSocketJudge(extensions, subprotocols=scope.get("subprotocols") or ())
        return judge, WebSocketServerJudge(lambda: judge.phase is not websocket.CONNECTING)
    lifespan_judge = LifespanJudge()
    return lifespan_judge, LifespanServerJudge(lambda: lifespan_judge.answers > 0)
