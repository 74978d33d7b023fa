"""Responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lilya._lazy import face

if TYPE_CHECKING:
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
else:
    __getattr__, __dir__ = face(
        __name__,
        {
            ".base": "Error HTMLResponse JSONResponse Ok PlainText RedirectResponse Response HTML=HTMLResponse "
            "TextResponse=PlainText",
            ".files": "DispositionResponse FileResponse ImageResponse SimpleFileResponse",
            ".formats": "CSVResponse MessagePackResponse NDJSONResponse XMLResponse YAMLResponse make_response",
            ".sse": "EventStreamResponse",
            ".streaming": "StreamingResponse",
            ".template": "TemplateResponse",
        },
    )

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
