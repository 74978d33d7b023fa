"""Responses: ASGI apps that send one answer.

A response builds as little as it can: the headers are a list of byte pairs until somebody asks for the mapping, and the
body is rendered once, when the response is made.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

from lilya._asgi.outbox import Outbox
from lilya._lazy import lazily
from lilya._sansio.cookies import format_cookie
from lilya._sansio.headers import check_value
from lilya._sansio.http import BODY, DONE, HEADERS
from lilya.background import run_after
from lilya.datastructures._headers import Header
from lilya.encoders._json import json_bytes, json_encode
from lilya.types import Message, RawHeaders, Receive, Scope, Send

if TYPE_CHECKING:
    from lilya._sansio import media_types
else:
    media_types = lazily("lilya._sansio.media_types")

__all__ = ["Error", "HTMLResponse", "JSONResponse", "Ok", "PlainText", "RedirectResponse", "Response"]

# The messages of a response that refuses a websocket (ASGI's denial response extension).
DENIAL_KINDS = ("websocket.http.response.start", "websocket.http.response.body")

Background = Callable[[], Awaitable[Any]]
HeadersInput = Header | Mapping[str, Any] | Iterable[tuple[str, str]] | None

# The `send` of an exchange.
SEND = Outbox.send

# What most content is, and certainly nothing to be awaited: looking for that in vain is dear.
AT_HAND = frozenset({str, bytes, dict, list, type(None)})

# The line for the lengths most bodies have, already written out.
LENGTH_LINES = tuple((b"content-length", b"%d" % n) for n in range(4096))


# The answers that have no content and no length of one (RFC 9110, sections 6.4.1 and 8.6).
NO_CONTENT = frozenset({*range(100, 200), 204, 304})
# Answers that are about a content they do not carry, and what describes that one (RFC 9110, sections 8 and 15.4.5).
ABOUT_ANOTHER = frozenset({304, 412})
OF_CONTENT = (
    "accept-ranges",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-range",
    "content-type",
)


class Response:
    """An answer with a status, headers and a body.

    `content` is bytes, str (encoded in `charset`), None, or an awaitable of one of these, awaited when the response is
    sent. `media_type` fills `content-type` where `headers` do not; text types get the charset. With
    `deduce_media_type_from_body` the first bytes say what it is, where there is no `media_type`. `background` is called
    after the last byte was sent, even when the client is gone by then. `encoders` go before the registered ones, for
    this response alone.
    """

    media_type: str | None = None
    status_code: int = 200
    charset: str = "utf-8"
    passthrough_body_types: tuple[type, ...] = (bytes,)
    # What most responses do without is not set on each of them.
    background: Background | None = None
    encoders: tuple[Any, ...] = ()
    deduce_media_type_from_body: bool | None = False
    body: bytes
    _content_type: tuple[bytes, bytes] | None = None  # the header line the media type makes
    _headers: Header | None = None
    _pending: Awaitable[Any] | None = None
    is_plain = True  # whether to send `messages`, and to run `background`, is all that calling it does

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._content_type = content_type(cls.media_type, cls.charset)
        cls.is_plain = cls.__call__ is Response.__call__

    def __init__(
        self,
        content: Any = None,
        status_code: int | None = None,
        headers: HeadersInput = None,
        cookies: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: Background | None = None,
        encoders: Iterable[Any] | None = None,
        passthrough_body_types: tuple[type, ...] | None = None,
        deduce_media_type_from_body: bool = False,
    ) -> None:
        if status_code is not None:
            self.status_code = status_code
        if media_type is not None:
            self.media_type = media_type
            self._content_type = content_type(media_type, self.charset)
        if passthrough_body_types is not None:
            self.passthrough_body_types = passthrough_body_types
        if background is not None:
            self.background = background
        if encoders:
            self.encoders = tuple(each() if isinstance(each, type) else each for each in encoders)
        if headers:
            self._headers = Header(headers)
        if type(content) not in AT_HAND and hasattr(content, "__await__"):
            self.body = b""
            self._pending = content
            self.is_plain = False
        else:
            self.body = self.make_response(content)
        if deduce_media_type_from_body:
            self.deduce_media_type_from_body = True
        if cookies:
            for key, value in cookies.items():
                self.set_cookie(key, value)

    # -- the body ---------------------------------------------------------------------------------------------------

    def make_response(self, content: Any) -> bytes:
        """The body as bytes. Override it for a format of your own."""
        if isinstance(content, str):
            return content.encode(self.charset)
        if isinstance(content, self.passthrough_body_types):
            return content  # type: ignore[return-value]
        if not content or content is NoReturn:
            return b""
        if isinstance(content, bytearray | memoryview):
            return bytes(content)
        simple = json_encode(content, with_encoders=self.encoders or None)
        if isinstance(simple, str):
            return simple.encode(self.charset)
        return json_bytes(simple)

    async def resolve_async_content(self) -> None:
        """Await content that was given as an awaitable. Cancelling it leaves the response without a body."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            self.body = self.make_response(await pending)
            if self._headers is not None and "content-length" in self._headers:
                self._headers["content-length"] = str(len(self.body))

    # -- headers ----------------------------------------------------------------------------------------------------

    def _default_headers(self) -> RawHeaders:
        """The headers the body asks for."""
        if self.status_code in NO_CONTENT:
            return []
        length = len(self.body)
        line = LENGTH_LINES[length] if length < 4096 else (b"content-length", b"%d" % length)
        kind = self._content_type
        if kind is None:
            kind = self._deduced_type()
        return [line] if kind is None else [line, kind]

    def _deduced_type(self) -> tuple[bytes, bytes] | None:
        """The `content-type` line that the body makes, where there is none and one is asked for."""
        if self.media_type is None and self.deduce_media_type_from_body and self._pending is None:
            self.media_type = media_types.sniff_media_type(self.body)
            self._content_type = content_type(self.media_type, self.charset)
        return self._content_type

    @property
    def headers(self) -> Header:
        """The headers, to be read and changed until the response is sent."""
        if self._headers is None:
            self._headers = Header()
        if self._pending is None:
            for name, value in self._default_headers():
                if name.decode() not in self._headers:
                    self._headers[name.decode()] = value.decode("latin-1")
        return self._headers

    @property
    def raw_headers(self) -> RawHeaders:
        """The headers as they are sent: byte pairs, names in lower case."""
        raw = self._default_headers()
        if self._headers is None:
            return raw
        given = self._headers.encoded_multi_items()
        if self.status_code in ABOUT_ANOTHER:
            given = self._of_another(given)
        elif self.status_code in NO_CONTENT:
            given = [pair for pair in given if pair[0] != b"content-length"]
        names = {name for name, _ in given}
        return [pair for pair in raw if pair[0] not in names] + given

    def _of_another(self, given: RawHeaders) -> RawHeaders:
        """Of the headers of a 304 or a 412 those that stay.

        Of two that tell one state of a content from another the better one is enough; a text that says why is a content
        of its own.
        """
        names = {name for name, _ in given}
        dropped = {name.encode() for name in OF_CONTENT}
        if b"etag" in names:
            dropped.add(b"last-modified")
        if self.status_code not in NO_CONTENT and getattr(self, "body", True):  # one that streams has none yet
            dropped.remove(b"content-type")
        return [pair for pair in given if pair[0] not in dropped]

    @property
    def encoded_headers(self) -> RawHeaders:
        """The same as `raw_headers`."""
        return self.raw_headers

    def set_cookie(
        self,
        key: str,
        value: str = "",
        *,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        max_age: int | None = None,
        expires: Any = None,
        httponly: bool = False,
        samesite: str | None = "lax",
        partitioned: bool = False,
    ) -> None:
        """Append a `set-cookie` (RFC 6265bis). `max_age` in seconds; `expires` a datetime, a date text, or seconds
        from now. Raises `ValueError` for what no browser would accept."""
        self.headers.add(
            "set-cookie",
            format_cookie(
                key,
                value,
                path=path,
                domain=domain,
                secure=secure,
                max_age=max_age,
                expires=expires,
                httponly=httponly,
                samesite=samesite,
                partitioned=partitioned,
            ),
        )

    def delete_cookie(
        self,
        key: str,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: str | None = "lax",
    ) -> None:
        """Tell the client to forget a cookie; path and domain must be those it was set with."""
        self.set_cookie(
            key,
            path=path,
            domain=domain,
            secure=secure,
            max_age=0,
            expires=0,
            httponly=httponly,
            samesite=samesite,
        )

    # -- sending ----------------------------------------------------------------------------------------------------

    def messages(self, scope: Scope) -> tuple[Message, Message]:
        """What answers a request: the start, and the body, empty for `HEAD` and where the status has none."""
        status, body = self.status_code, self.body
        headers = self._default_headers() if self._headers is None else self.raw_headers
        if scope.get("method") == "HEAD" or status in NO_CONTENT:
            body = b""
        return (
            {"type": "http.response.start", "status": status, "headers": headers},
            {"type": "http.response.body", "body": body},
        )

    def message(self, prefix: str = "") -> Message:
        """The start message; `prefix` is `websocket.` for a denial response."""
        return {"type": prefix + "http.response.start", "status": self.status_code, "headers": self.raw_headers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response, then run `background`.

        Raises `ClientDisconnect` when the client is known to be gone, after the background work. Cancelling it may
        leave the answer unfinished.
        """
        if self._pending is not None:
            await self.resolve_async_content()
        start, end = self.messages(scope)
        if scope["type"] != "http":
            start["type"], end["type"] = DENIAL_KINDS
        try:
            writer: Outbox | None = send.__self__ if getattr(send, "__func__", None) is SEND else None  # type: ignore[attr-defined]
            if writer is None or writer.phase is not HEADERS or writer.gone:
                await send(start)
                await send(end)
            else:  # what two calls of `Outbox.send` do in this phase, without its layer: a tenth of a small answer
                writer.phase = BODY
                try:
                    await writer.sink(start)
                    if writer.gone:
                        raise writer.departure()
                    writer.phase = DONE
                    await writer.sink(end)
                except Exception as exc:
                    writer.send_failed(exc)
                    raise
        except OSError:  # the client is gone, in our words or in the server's (ASGI 2.4)
            if self.background is not None:
                await run_after(self.background, scope)
            raise
        if self.background is not None:
            await run_after(self.background, scope)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(media_type={self.media_type}, status_code={self.status_code}, "
            f"charset={self.charset})"
        )


def content_type(media_type: str | None, charset: str) -> tuple[bytes, bytes] | None:
    """The `content-type` line of a media type: text types say their charset (RFC 9110, section 8.3.2)."""
    if media_type is None:
        return None
    if media_type.startswith("text/") and "charset=" not in media_type:
        media_type = f"{media_type}; charset={charset}"
    return b"content-type", check_value("content-type", media_type).encode("latin-1")


class PlainText(Response):
    """An answer in plain text."""

    media_type = "text/plain"


class HTMLResponse(Response):
    """An answer in HTML."""

    media_type = "text/html"


class Error(HTMLResponse):
    """An HTML answer that says the server failed (500)."""

    status_code = 500


class JSONResponse(Response):
    """An answer in JSON: compact, in UTF-8. Anything an encoder knows is taken.

    Raises `ValueError` for NaN and infinities, and for what no encoder knows.
    """

    media_type = "application/json"

    def make_response(self, content: Any) -> bytes:
        """`content` as JSON; bytes are taken as JSON already."""
        if isinstance(content, self.passthrough_body_types):
            return content  # type: ignore[return-value]
        return json_bytes(content, with_encoders=self.encoders) if self.encoders else json_bytes(content)


class Ok(JSONResponse):
    """A JSON answer with status 200."""


class RedirectResponse(Response):
    """Sends the client elsewhere; 307 keeps the method, 303 makes it a GET (RFC 9110, section 15.4)."""

    status_code = 307

    def __init__(
        self,
        url: Any,
        status_code: int | None = None,
        headers: HeadersInput = None,
        background: Background | None = None,
        encoders: Iterable[Any] | None = None,
    ) -> None:
        super().__init__(b"", status_code=status_code, headers=headers, background=background, encoders=encoders)
        self.headers["location"] = quote(str(url), safe=":/%#?=@[]!$&'()*+,;~")
