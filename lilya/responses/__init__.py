"""Responses."""

from lilya.responses.base import Error, HTMLResponse, JSONResponse, Ok, PlainText, RedirectResponse, Response
from lilya.responses.files import DispositionResponse, FileResponse, ImageResponse, SimpleFileResponse
from lilya.responses.sse import EventStreamResponse
from lilya.responses.streaming import StreamingResponse

# Other names the same things go by.
HTML = HTMLResponse
TextResponse = PlainText

__all__ = [
    "HTML",
    "DispositionResponse",
    "Error",
    "EventStreamResponse",
    "FileResponse",
    "HTMLResponse",
    "ImageResponse",
    "JSONResponse",
    "Ok",
    "PlainText",
    "RedirectResponse",
    "Response",
    "SimpleFileResponse",
    "StreamingResponse",
    "TextResponse",
]
