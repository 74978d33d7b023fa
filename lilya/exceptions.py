"""Every exception of Lilya.

    LilyaException
    +-- HTTPException                     answered with its status and detail
    |   +-- ImproperlyConfigured          500, also a ValueError: bad configuration, raised while the app is built
    |   +-- InternalServerError           500
    |   +-- BadRequest                    400: what the client sent cannot be read
    |   +-- MultiPartException            400 or 413: a form is malformed or over a limit
    |   +-- NotAuthorized                 401
    |   +-- PermissionDenied              403
    |   +-- NotFound                      404, also a ValueError
    |   +-- MethodNotAllowed              405
    |   +-- ContentTooLarge               413
    |   +-- ContentRangeNotSatisfiable    416
    |   +-- UnprocessableEntity           422
    |   +-- ValidationError               400, with structured detail
    |   +-- ServiceUnavailable            503
    |   +-- GatewayTimeout                504: a deadline passed
    |   +-- TemplateNotFound              500
    +-- WebSocketException                closes the websocket with its code
    +-- ClientDisconnect                  the client is gone (an OSError: ASGI 2.4 asks `send` for one)
    |   +-- WebSocketDisconnect           the same, on a websocket, with code and reason
    +-- WebSocketRuntimeError             the websocket is used in a state that does not allow it (a RuntimeError)
    +-- MissingDependency                 an optional library is not installed (an ImportError)
    +-- AuthenticationError
    +-- EnvError
    +-- ServiceFailed                     a supervised service gave up
    ContinueRouting                       (BaseException) this route does not want the request: try the next

Who is at fault is said by the branch: 4xx the client, 500 and `ImproperlyConfigured` the application.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

__all__ = [
    "AuthenticationError",
    "BadRequest",
    "ClientDisconnect",
    "ContentRangeNotSatisfiable",
    "ContentTooLarge",
    "ContinueRouting",
    "EnvError",
    "EnvironmentError",
    "GatewayTimeout",
    "HTTPException",
    "ImproperlyConfigured",
    "InternalServerError",
    "LilyaException",
    "MethodNotAllowed",
    "MissingDependency",
    "MultiPartException",
    "NotAuthorized",
    "NotFound",
    "PermissionDenied",
    "ServiceFailed",
    "ServiceUnavailable",
    "TemplateNotFound",
    "UnprocessableEntity",
    "ValidationError",
    "WebSocketDisconnect",
    "WebSocketException",
    "WebSocketRuntimeError",
]


PHRASES: Final[Mapping[int, str]] = {status.value: status.phrase for status in HTTPStatus}


def phrase(status_code: int) -> str:
    """What a status is called (RFC 9110, section 15)."""
    return PHRASES.get(status_code, "Unknown Status")


class LilyaException(Exception):
    """Base of everything Lilya raises on purpose."""

    def __init__(self, *args: object, detail: object = "") -> None:
        self.detail: Any = detail
        super().__init__(*(str(arg) for arg in args if arg), *([str(detail)] if detail else []))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.detail!r})" if self.detail else f"{type(self).__name__}()"


class HTTPException(LilyaException):
    """Answer the request with `status_code` and `detail` (RFC 9110, section 15).

    `detail` falls back to the first positional argument, to the class's own, to the status phrase. A dict or a list
    is answered as JSON. `headers` are added to the answer. A given `response` is sent as it is. Whatever else is
    given by keyword is kept in `extra`.
    """

    status_code: int = 500
    detail: Any = None
    headers: Mapping[str, str] | None = None

    def __init__(
        self,
        *args: object,
        status_code: int | None = None,
        detail: object = None,
        headers: Mapping[str, str] | None = None,
        response: Any = None,
        **extra: Any,
    ) -> None:
        if status_code is None:
            status_code = self.status_code
        else:
            self.status_code = status_code
        if detail is None and args:
            detail, *args = args  # type: ignore[assignment]
        if detail is None:
            detail = phrase(status_code) if self.detail is None else self.detail
        self.detail = detail
        self.headers = headers
        self.response = response
        self.extra = extra
        self.args = (f"{status_code}: {detail}", *args)

    def __str__(self) -> str:
        return f"{self.status_code}: {self.detail}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}(status_code={self.status_code!r}, detail={self.detail!r})"


class ImproperlyConfigured(HTTPException, ValueError):
    """The application is put together wrongly; raised while it is built.

    Raised while it serves it is a fault of the application's, like any exception nobody handles: logged, and the client
    is not told what it says.
    """

    status_code = 500

    def __str__(self) -> str:
        return str(self.detail)


class InternalServerError(HTTPException):
    """The server failed."""

    status_code = 500


class BadRequest(HTTPException):
    """What the client sent cannot be read."""

    status_code = 400


class MultiPartException(HTTPException):
    """A form cannot be read, or is over a limit; raised for both encodings.

    The status is 400, or 413 where the form has too many bytes (RFC 9110, section 15.5.14). `message` says what is
    wrong; for a limit, which one and how much it allows.
    """

    status_code = 400

    def __init__(self, message: str, *, status_code: int = 400) -> None:
        super().__init__(status_code=status_code, detail=message)
        self.message = message


class NotAuthorized(HTTPException):
    """The request lacks valid credentials (RFC 9110, section 15.5.2)."""

    status_code = 401
    detail = "Not Authorized."


class PermissionDenied(HTTPException):
    """The request is understood and refused (RFC 9110, section 15.5.4)."""

    status_code = 403
    detail = "You do not have permission to perform this action."


class NotFound(HTTPException, ValueError):
    """Nothing is there."""

    status_code = 404
    detail = "The resource cannot be found."


class MethodNotAllowed(HTTPException):
    """The path exists, the method does not; `Allow` lists those that do (RFC 9110, section 15.5.6)."""

    status_code = 405


class ContentTooLarge(HTTPException):
    """The request body is over a limit (RFC 9110, section 15.5.14)."""

    status_code = 413
    detail = "Content Too Large"


class ContentRangeNotSatisfiable(HTTPException):
    """No requested range overlaps the representation (RFC 9110, section 15.5.17)."""

    status_code = 416

    def __init__(self, *args: object, range_def: str | None = None, size: int, unit: str = "bytes") -> None:
        detail = f"Content range {range_def} is not satisfiable." if range_def else "Content range is not satisfiable."
        super().__init__(*args, detail=detail, headers={"content-range": f"{unit} */{size}"})
        self.range_def = range_def
        self.size = size
        self.unit = unit


class UnprocessableEntity(HTTPException):
    """The syntax is right, the content is not (RFC 9110, section 15.5.21)."""

    status_code = 422


class ValidationError(HTTPException):
    """Input did not validate; `detail` is a list or a dict and is answered as JSON."""

    status_code = 400

    def __init__(
        self,
        detail: object = None,
        status_code: int | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(status_code=status_code, detail=detail, headers=headers, **extra)


class ServiceUnavailable(HTTPException):
    """Not now; perhaps later (RFC 9110, section 15.6.4)."""

    status_code = 503


class GatewayTimeout(HTTPException):
    """The deadline of the route passed before it answered (RFC 9110, section 15.6.5)."""

    status_code = 504


class TemplateNotFound(HTTPException):
    """No template of that name in any of the directories. The application's fault, as `ImproperlyConfigured` is."""

    status_code = 500

    def __init__(self, *args: object, name: str) -> None:
        super().__init__(*args, detail=f"Template {name} not found.")
        self.name = name


class WebSocketException(LilyaException):
    """Close the websocket with `code` (RFC 6455, section 7.4) and `reason` (at most 123 bytes of UTF-8)."""

    def __init__(self, code: int, reason: str | None = None) -> None:
        self.code = code
        self.reason = reason or ""
        super().__init__(detail=f"{code}: {self.reason}" if reason else str(code))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(code={self.code!r}, reason={self.reason!r})"


class ClientDisconnect(LilyaException, OSError):
    """The client went away before the response was complete.

    Raised by reading a body that will never be whole, by sending to a client that is gone, and seen by the layers
    above a handler that was cancelled because its client left. It ends the exchange quietly: nobody is there to answer.
    """


class WebSocketDisconnect(ClientDisconnect):
    """The websocket is over: closed by the client with `code` and `reason`, or simply lost (1006)."""

    def __init__(self, code: int = 1000, reason: str | None = None) -> None:
        self.code = code
        self.reason = reason or ""
        super().__init__(detail=f"{code}: {self.reason}" if reason else str(code))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(code={self.code!r}, reason={self.reason!r})"


class WebSocketRuntimeError(LilyaException, RuntimeError):
    """A websocket was used in a state that does not allow it: the handler's fault, not the client's."""


class MissingDependency(LilyaException, ImportError):
    """A part needs an optional library; the message says how to install it."""


class AuthenticationError(LilyaException):
    """The credentials were given and are wrong."""


class EnvError(LilyaException):
    """The environment, or a file of it, cannot be read as asked."""


EnvironmentError = EnvError


class ServiceFailed(LilyaException):
    """A supervised service ended for good; its last exception is the `__cause__`."""


class ContinueRouting(BaseException):
    """Raised by a route that declines a request it matched: routing goes on with the next one.

    A `BaseException`, so that no `except Exception` on the way takes it for a failure.
    """
