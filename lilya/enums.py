"""The fixed vocabularies of ASGI and HTTP. Every member turns into its value when made a string."""

from __future__ import annotations

from enum import Enum, IntEnum, StrEnum
from inspect import Signature

__all__ = [
    "DefaultPort",
    "Event",
    "EventType",
    "FormMessage",
    "HTTPCorsEnum",
    "HTTPMethod",
    "HTTPType",
    "HeaderEnum",
    "Match",
    "MediaType",
    "MessageMode",
    "Scope",
    "ScopeType",
    "SignatureDefault",
    "WebSocketState",
    "WebsocketType",
]


class ScopeType(StrEnum):
    """`scope["type"]`: which protocol a connection speaks."""

    HTTP = "http"
    WEBSOCKET = "websocket"
    LIFESPAN = "lifespan"


class Scope(StrEnum):
    """How long the value of a dependency is kept: see `lilya.dependencies.Provide`."""

    REQUEST = "request"
    APP = "app"
    SESSION = "session"
    GLOBAL = "global"


class EventType(StrEnum):
    """Names of the lifespan events a hook may be registered for."""

    ON_STARTUP = "on_startup"
    ON_SHUTDOWN = "on_shutdown"
    STARTUP = "startup"
    SHUTDOWN = "shutdown"


class Event(StrEnum):
    """Types of the ASGI messages (ASGI HTTP, WebSocket and Lifespan specifications)."""

    HTTP_REQUEST = "http.request"
    HTTP_DISCONNECT = "http.disconnect"
    HTTP_RESPONSE_START = "http.response.start"
    HTTP_RESPONSE_BODY = "http.response.body"
    WEBSOCKET_CONNECT = "websocket.connect"
    WEBSOCKET_ACCEPT = "websocket.accept"
    WEBSOCKET_RECEIVE = "websocket.receive"
    WEBSOCKET_SEND = "websocket.send"
    WEBSOCKET_DISCONNECT = "websocket.disconnect"
    WEBSOCKET_CLOSE = "websocket.close"
    WEBSOCKET_HTTP_RESPONSE_START = "websocket.http.response.start"
    WEBSOCKET_HTTP_RESPONSE_BODY = "websocket.http.response.body"
    LIFESPAN_STARTUP = "lifespan.startup"
    LIFESPAN_STARTUP_COMPLETE = "lifespan.startup.complete"
    LIFESPAN_STARTUP_FAILED = "lifespan.startup.failed"
    LIFESPAN_SHUTDOWN = "lifespan.shutdown"
    LIFESPAN_SHUTDOWN_COMPLETE = "lifespan.shutdown.complete"
    LIFESPAN_SHUTDOWN_FAILED = "lifespan.shutdown.failed"


class SignatureDefault(Enum):
    """What `inspect` puts where a parameter has no default or no annotation."""

    EMPTY = Signature.empty

    def __str__(self) -> str:
        return str(self.value)


class HTTPType(StrEnum):
    """URL schemes of HTTP."""

    HTTP = "http"
    HTTPS = "https"


class WebsocketType(StrEnum):
    """URL schemes of websockets."""

    WS = "ws"
    WSS = "wss"


class DefaultPort(IntEnum):
    """The port a scheme implies, so that a URL need not name it (RFC 9110 section 4.2, RFC 6455 section 3)."""

    HTTP = 80
    HTTPS = 443
    WS = 80
    WSS = 443


class MessageMode(StrEnum):
    """How JSON travels on a websocket."""

    TEXT = "text"
    BINARY = "binary"


class Match(IntEnum):
    """How well a route fits: not at all, by path but not by method, wholly."""

    NONE = 0
    PARTIAL = 1
    FULL = 2


class HTTPMethod(StrEnum):
    """Request methods (RFC 9110 section 9, RFC 5789 for PATCH, and QUERY)."""

    GET = "GET"
    HEAD = "HEAD"
    QUERY = "QUERY"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"
    OPTIONS = "OPTIONS"
    TRACE = "TRACE"
    CONNECT = "CONNECT"


class HTTPCorsEnum(StrEnum):
    """Header names of cross-origin resource sharing (Fetch standard, section 3.2)."""

    ORIGIN = "origin"
    REQUEST_METHOD = "access-control-request-method"
    REQUEST_HEADERS = "access-control-request-headers"
    REQUEST_PRIVATE_NETWORK = "access-control-request-private-network"
    ALLOW_ORIGIN = "access-control-allow-origin"
    ALLOW_METHODS = "access-control-allow-methods"
    ALLOW_HEADERS = "access-control-allow-headers"
    ALLOW_CREDENTIALS = "access-control-allow-credentials"
    ALLOW_PRIVATE_NETWORK = "access-control-allow-private-network"
    EXPOSE_HEADERS = "access-control-expose-headers"
    MAX_AGE = "access-control-max-age"


class HeaderEnum(StrEnum):
    """Header names Lilya itself reads or writes (RFC 9110)."""

    ACCEPT = "accept"
    ACCEPT_ENCODING = "accept-encoding"
    ACCEPT_RANGES = "accept-ranges"
    ALLOW = "allow"
    AUTHORIZATION = "authorization"
    CACHE_CONTROL = "cache-control"
    CONTENT_DISPOSITION = "content-disposition"
    CONTENT_ENCODING = "content-encoding"
    CONTENT_LENGTH = "content-length"
    CONTENT_RANGE = "content-range"
    CONTENT_TYPE = "content-type"
    COOKIE = "cookie"
    DATE = "date"
    ETAG = "etag"
    EXPIRES = "expires"
    HOST = "host"
    IF_MATCH = "if-match"
    IF_MODIFIED_SINCE = "if-modified-since"
    IF_NONE_MATCH = "if-none-match"
    IF_RANGE = "if-range"
    IF_UNMODIFIED_SINCE = "if-unmodified-since"
    LAST_MODIFIED = "last-modified"
    LOCATION = "location"
    ORIGIN = "origin"
    RANGE = "range"
    REFERER = "referer"
    SET_COOKIE = "set-cookie"
    USER_AGENT = "user-agent"
    VARY = "vary"
    WWW_AUTHENTICATE = "www-authenticate"


class MediaType(StrEnum):
    """Media types of requests and responses (RFC 9110 section 8.3)."""

    JSON = "application/json"
    HTML = "text/html"
    TEXT = "text/plain"
    TEXT_CHARSET = "text/plain; charset=utf-8"
    XML = "application/xml"
    MESSAGE_PACK = "application/x-msgpack"
    OCTET = "application/octet-stream"
    MULTIPART = "multipart/form-data"
    URLENCODED = "application/x-www-form-urlencoded"
    PNG = "image/png"


class WebSocketState(IntEnum):
    """How far one side of a websocket is."""

    CONNECTING = 0
    CONNECTED = 1
    DISCONNECTED = 2


class FormMessage(IntEnum):
    """What a parser of urlencoded forms reports, in the order in which it can."""

    FIELD_START = 1
    FIELD_NAME = 2
    FIELD_DATA = 3
    FIELD_END = 4
    END = 5
