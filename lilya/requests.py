"""The request: what a handler is given of an HTTP exchange."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final, Unpack

import anyio

from lilya._asgi.exchange import exchange_of
from lilya._asgi.inbox import BodyStream, Inbox
from lilya._connection import Connection, inbox_of
from lilya._lazy import lazily
from lilya._sansio.headers import parse_options
from lilya._sansio.json import parse_json
from lilya.exceptions import BadRequest, ClientDisconnect
from lilya.protocols.pubsub import Event, PubSub, Subscription
from lilya.responses.base import JSONResponse, Response
from lilya.types import Empty, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from lilya import _forms
    from lilya._sansio import form as forms
else:
    _forms = lazily("lilya._forms")
    forms = lazily("lilya._sansio.form")

__all__ = ["ClientDisconnect", "Connection", "Request"]

# In seconds: shorter than the half minute after which the first proxies give up.
POLL_TIMEOUT: Final = 25.0
# In events: what one answer holds at most; a client that has more to catch up with is answered at once, again.
POLL_LIMIT: Final = 100


async def no_receive() -> Message:
    """Stands for a `receive` that was not given."""
    raise RuntimeError("this Request was made without `receive`: its body cannot be read")


async def no_send(message: Message) -> None:
    """Stands for a `send` that was not given."""
    raise RuntimeError("this Request was made without `send`: nothing can be sent through it")


class Request(Connection):
    """An HTTP request.

    Every `Request` made for one connection, by a middleware or a handler, shares one reader: the body can be read by
    each of them, and the disconnect is seen by all.
    """

    def __init__(self, scope: Scope, receive: Receive = no_receive, send: Send = no_send) -> None:
        if scope["type"] != "http":
            raise AssertionError(f"a Request is made from a scope of type 'http', not {scope['type']!r}")
        self.scope = scope
        self._receive: Receive = receive
        self._send = send
        self._found_inbox: Inbox | None = None

    @property
    def method(self) -> str:
        """The method, in upper case."""
        method: str = self.scope["method"]
        return method

    @property
    def _inbox(self) -> Inbox:
        """The reader of the connection, found when it is first needed."""
        inbox = self._found_inbox
        if inbox is None:
            exchange = exchange_of(self.scope)
            if exchange is not None and self._receive is no_receive:
                inbox = exchange.inbox
            else:
                inbox = inbox_of(exchange, self.scope, self._receive)
            self._found_inbox = inbox
        return inbox

    async def receive(self) -> Message:
        """The next ASGI message. Waiting for the disconnect here is to take it over: the handler is not cancelled.

        Cancelling it loses nothing.
        """
        exchange = exchange_of(self.scope)
        if exchange is not None:
            exchange.release()
        return await self._inbox.receive()

    async def send(self, message: Message) -> None:
        """Send an ASGI message."""
        await self._send(message)

    # -- the body ---------------------------------------------------------------------------------------------------

    def body(self, *, max_size: int | type[Empty] | None = Empty) -> Coroutine[Any, Any, bytes]:
        """The whole body. Read once and kept: any number of callers get it, also at the same time.

        `max_size` is how many bytes may be read for it, None for any number; by default `max_body_size` of the
        application, 16 MiB. What was read already is not measured again: `await request.body(max_size=None)` lets
        `json()` and the others have as large a one. A body that should not be in memory is read by `stream()`.

        Raises `ContentTooLarge` (413) for one that is larger, `ClientDisconnect` when the client left before its end,
        `RuntimeError` when it was streamed before. Cancelling it loses nothing.
        """
        inbox = self._found_inbox or self._inbox
        return inbox.body(self._home.max_body_size if isinstance(max_size, type) else max_size)

    async def text(self) -> str:
        """The body as text, in the charset the request declares, UTF-8 by default.

        Raises `BadRequest` when it is not text in that charset, or the charset is unknown.
        """
        raw = await self.body()
        charset = self.charset
        # Python knows codecs that are no charsets, and remembers every name it is asked.
        if not forms.is_charset(charset):
            raise BadRequest(f"Unknown charset {charset[:40]!r}.")
        try:
            return raw.decode(charset)
        except UnicodeDecodeError as exc:
            raise BadRequest(f"The body is not valid {charset}: {exc.reason} at byte {exc.start}.") from exc

    async def json(self) -> Any:
        """The body as JSON; an empty one is None.

        Raises `BadRequest` when it is not JSON in UTF-8 (RFC 8259, NaN and infinities are none), too deep, or holds a
        number too long for Python.
        """
        raw = await self.body()
        if not raw:
            return None
        try:
            return parse_json(raw)
        except ValueError as exc:
            raise BadRequest(str(exc)) from exc

    def form(self, **options: Unpack[_forms.FormOptions]) -> _forms.PendingForm:
        """The body as a form: `form = await request.form()`, or `async with request.form() as form`.

        Urlencoded and multipart bodies are read as they come; any other is left alone, and the form is empty. A large
        file goes to the disk, is at its beginning when the form is here, and is closed when the block of `async with`
        is left, at the latest when the exchange ends. Reads once: whoever asks later gets the same form. The options
        are limits (see `FormOptions`), such as `max_files=10`.

        Raises `MultiPartException` (400 or 413) when it is malformed or over a limit, `ClientDisconnect` when the
        client left before its end, `RuntimeError` when the body was streamed before. Cancelling it closes its files and
        loses the body.
        """
        return _forms.PendingForm(self.scope, self._inbox, self.headers, options)

    async def data(self, *, raise_exception: bool = False) -> Any:
        """The body as what it is declared to be: `FormData`, parsed JSON, or text.

        What is no JSON, or no text, is returned as bytes; with `raise_exception` it raises as `json` and `text` do. A
        form raises as `form` does.
        """
        if self.is_form:
            return await self.form()
        try:
            return await (self.json() if self.is_json else self.text())
        except BadRequest:
            if raise_exception:
                raise
            return await self.body()

    def stream(self) -> BodyStream:
        """The body in pieces as they come, then an empty one; nothing is kept. After `body` it is replayed.

        Iterating raises `ClientDisconnect` when the client left before its end. Raises `RuntimeError` when it was
        streamed before.
        """
        return self._inbox.stream()

    async def sniff(self) -> tuple[Message, bool]:
        """The first message, left in place, and whether it holds the whole, non-empty body."""
        message = await self._inbox.peek()
        whole = message["type"] == "http.request" and not message.get("more_body") and bool(message.get("body"))
        return message, whole

    # -- what the headers say of it ---------------------------------------------------------------------------------

    @property
    def content_type(self) -> str:
        """The media type of the body in lower case, without parameters; "" when there is none."""
        return parse_options(self.headers.get("content-type", ""))[0]

    @property
    def media(self) -> dict[str, str]:
        """The parameters of the media type of the body (RFC 9110, section 8.3.1): `{"charset": "utf-8"}`.

        Names are in lower case; empty when there are none.
        """
        return parse_options(self.headers.get("content-type", ""))[1]

    @property
    def charset(self) -> str:
        """The charset the request declares, "utf-8" when it declares none."""
        return self.media.get("charset") or "utf-8"

    @property
    def is_json(self) -> bool:
        """Whether the body is declared as `application/json`."""
        return self.content_type == "application/json"

    @property
    def is_form(self) -> bool:
        """Whether the body is declared as a form."""
        return self.content_type in ("application/x-www-form-urlencoded", "multipart/form-data")

    # -- events -----------------------------------------------------------------------------------------------------

    @property
    def last_event_id(self) -> str | None:
        """The event a returning `EventSource` saw last (its `Last-Event-ID`), to be given to `subscribe(after=)`.

        None for one that is here for the first time. It is what the client says: a back-end answers for nonsense.
        """
        raw = self.headers.get("last-event-id")
        return raw.encode("latin-1").decode("utf-8", "replace") if raw else None

    async def poll(
        self,
        pubsub: PubSub,
        *topics: str,
        pattern: str | None = None,
        timeout: float = POLL_TIMEOUT,  # noqa: ASYNC109  (a wait that ends in an answer, not in an error)
        limit: int = POLL_LIMIT,
    ) -> Response:
        """Answer a long poll: wait for events of these topics, up to `timeout` seconds.

        200 with `{"events": [{"id", "topic", "data"}, ...], "after": ..., "gap": ...}` as soon as there is one, and up
        to `limit` of them; 204 when there was none in time, or the server drains (then with `Retry-After`). Either way
        the header `Last-Event-ID` says what `after` does: the cursor, which the client sends back as `?after=`. With it
        no event is lost between two polls that the history of `pubsub` still has; `gap` is true when it had not. A
        client without a cursor waits for what comes from now on.

        Cancelling it loses nothing: the client that left will come back with its cursor.
        """
        after = self.query_params.get("after")
        headers = {"cache-control": "no-store"}
        async with pubsub.subscribe(*topics, pattern=pattern, buffer=limit, after=after) as subscription:
            events = await self._first_of(subscription, timeout, limit)
            gap = subscription.gap
            headers["last-event-id"] = after = subscription.cursor
        if events or gap:
            found = [{"id": event.id, "topic": event.topic, "data": event.data} for event in events]
            return JSONResponse({"events": found, "after": after, "gap": gap}, headers=headers)
        if self.draining:
            headers["retry-after"] = "1"
        return Response(status_code=204, headers=headers)

    async def _first_of(self, subscription: Subscription, patience: float, limit: int) -> list[Event]:
        """What is there, or else the first event with whatever came along with it; nothing when the time is up."""
        events = subscription.take(limit)
        if events or subscription.gap or self.draining:
            return events
        with self.cancel_on_draining() as rest:
            rest.deadline = anyio.current_time() + patience
            events.append(await anext(aiter(subscription)))
        return events + subscription.take(limit - len(events))

    # -- the client -------------------------------------------------------------------------------------------------

    async def is_disconnected(self) -> bool:
        """Whether the client left before the response was complete.

        A handler that asks takes the matter over: from now on it is told, not cancelled. Loses no piece of the body.
        """
        return await self._exchange.is_disconnected()

    async def wait_disconnected(self) -> None:
        """Wait until the client left; for ever when the response is completed first.

        A handler that waits here takes the matter over: it is told, not cancelled. Cancelling it does nothing else.
        """
        await self._exchange.wait_disconnected()

    async def close(self) -> None:
        """Nothing to do by hand: what `add_cleanup` registered runs when the exchange ends. Kept for compatibility."""

    def add_cleanup(self, cleanup: Any) -> None:
        """Call `cleanup`, sync or async, when the exchange is over, however it ends. The last added runs first."""
        self._exchange.at_end(cleanup)

    async def send_push_promise(self, path: str) -> None:
        """Promise `path` to the client, where server and protocol can; otherwise nothing."""
        if self.is_server_push:
            forward = ("accept", "accept-encoding", "accept-language", "cache-control", "user-agent")
            headers = [
                pair for name in forward for pair in self.headers.encoded_multi_items() if pair[0] == name.encode()
            ]
            await self._send({"type": "http.response.push", "path": path, "headers": headers})

    def __repr__(self) -> str:
        return "Request()"
