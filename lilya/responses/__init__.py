"""Responses."""

from lilya.responses.base import Error, HTMLResponse, JSONResponse, Ok, PlainText, RedirectResponse, Response
from lilya.responses.files import DispositionResponse, FileResponse, ImageResponse, SimpleFileResponse
from lilya.responses.formats import (
    CSVResponse,
    MessagePackResponse,
    NDJSONResponse,
    XMLResponse,
    YAMLResponse,
    make_response,
)
from lilya.responses.sse import EventStreamResponse
from lilya.responses.streaming import StreamingResponse
from lilya.responses.template import TemplateResponse

# Other names the same things go by.
HTML = HTMLResponse
TextResponse = PlainText

__all__ = [
    "HTML",
    "CSVResponse",
    "DispositionResponse",
    "Error",
    "EventStreamResponse",
    "FileResponse",
    "HTMLResponse",
    "ImageResponse",
    "JSONResponse",
    "MessagePackResponse",
    "NDJSONResponse",
    "Ok",
    "PlainText",
    "RedirectResponse",
    "Response",
    "SimpleFileResponse",
    "StreamingResponse",
    "TemplateResponse",
    "TextResponse",
    "XMLResponse",
    "YAMLResponse",
    "make_response",
]
