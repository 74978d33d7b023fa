"""The values applications and connections are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lilya._lazy import face

if TYPE_CHECKING:
    from lilya.datastructures._address import Address
    from lilya.datastructures._asgi import ScopeHandler, SendReceiveSniffer
    from lilya.datastructures._cookie import Cookie
    from lilya.datastructures._everything import ALL
    from lilya.datastructures._forms import FormData, FormMultiDict
    from lilya.datastructures._headers import Header
    from lilya.datastructures._multi import ImmutableMultiDict, MultiDict, QueryParam
    from lilya.datastructures._secret import Secret
    from lilya.datastructures._state import State
    from lilya.datastructures._upload import DataUpload, UploadFile
    from lilya.datastructures._url import URL, URLPath
else:
    __getattr__, __dir__ = face(
        __name__,
        {
            "._address": "Address",
            "._asgi": "ScopeHandler SendReceiveSniffer",
            "._cookie": "Cookie",
            "._everything": "ALL",
            "._forms": "FormData FormMultiDict",
            "._headers": "Header",
            "._multi": "ImmutableMultiDict MultiDict QueryParam",
            "._secret": "Secret",
            "._state": "State",
            "._upload": "DataUpload UploadFile",
            "._url": "URL URLPath",
        },
    )

__all__ = [
    "ALL",
    "URL",
    "Address",
    "Cookie",
    "DataUpload",
    "FormData",
    "FormMultiDict",
    "Header",
    "ImmutableMultiDict",
    "MultiDict",
    "QueryParam",
    "ScopeHandler",
    "Secret",
    "SendReceiveSniffer",
    "State",
    "URLPath",
    "UploadFile",
]
