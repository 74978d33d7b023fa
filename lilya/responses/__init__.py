"""Responses."""

from lilya.responses.base import Error, HTMLResponse, JSONResponse, Ok, PlainText, RedirectResponse, Response
from lilya.responses.streaming import StreamingResponse

# Other names the same things go by.
HTML = HTMLResponse
TextResponse = PlainText

__all__ = [
    "HTML",
    "Error",
    "HTMLResponse",
    "JSONResponse",
    "Ok",
    "PlainText",
    "RedirectResponse",
    "Response",
    "StreamingResponse",
    "TextResponse",
]
