"""What kind of thing a file is: by its name, or by its first bytes.

Names are looked up in the table of the standard library, which knows what the machine knows and what the program added
by `mimetypes.add_type`. Contents are recognised by the signatures of the WHATWG MIME Sniffing standard (section 6),
but for those of HTML and XML: whoever may upload a picture must not be able to have a script served.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Final

__all__ = ["OCTET_STREAM", "SNIFF_LENGTH", "guess_media_type", "sniff_media_type"]

OCTET_STREAM: Final = "application/octet-stream"

# How many of the first bytes decide, at most (section 5.2 of that standard has more, for HTML).
SNIFF_LENGTH: Final = 512

# Types of the web that the table of an older Python lacks.
_ADDED: Final[Mapping[str, str]] = {
    ".avif": "image/avif",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}

# A compressed file is sent as what it is: with a Content-Encoding the client would store it unpacked.
_COMPRESSED: Final[Mapping[str, str]] = {
    "br": "application/x-brotli",
    "bzip2": "application/x-bzip2",
    "compress": "application/x-compress",
    "gzip": "application/gzip",
    "xz": "application/x-xz",
}

_SIGNATURES: Final = tuple(
    (re.compile(pattern, re.DOTALL).match, media_type)
    for pattern, media_type in (
        (rb"\x89PNG\r\n\x1a\n", "image/png"),
        (rb"\xff\xd8\xff", "image/jpeg"),
        (rb"GIF8[79]a", "image/gif"),
        (rb"RIFF....WEBPVP", "image/webp"),
        (rb"....ftypavi[fs]", "image/avif"),
        (rb"\x00\x00[\x01\x02]\x00", "image/x-icon"),
        (rb"BM....\x00\x00\x00\x00", "image/bmp"),
        (rb"....ftyp(?:mp4|iso|avc1|M4V )", "video/mp4"),
        (rb"\x1a\x45\xdf\xa3.{0,34}webm", "video/webm"),
        (rb"RIFF....AVI ", "video/avi"),
        (rb"RIFF....WAVE", "audio/wave"),
        (rb"FORM....AIFF", "audio/aiff"),
        (rb"ID3[\x02-\x04]", "audio/mpeg"),
        (rb"OggS\x00", "application/ogg"),
        (rb"MThd\x00\x00\x00\x06", "audio/midi"),
        (rb"wOFF", "font/woff"),
        (rb"wOF2", "font/woff2"),
        (rb"OTTO\x00", "font/otf"),
        (rb"ttcf\x00", "font/collection"),
        (rb"\x00\x01\x00\x00", "font/ttf"),
        (rb"%PDF-", "application/pdf"),
        (rb"\x1f\x8b\x08", "application/gzip"),
        (rb"PK\x03\x04", "application/zip"),
    )
)
# Bytes no text has (section 3 of that standard).
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]").search

# Reads the machine's tables now, once, and not while the first request is being served.
mimetypes.guess_type("")


def guess_media_type(name: str) -> str | None:
    """The media type of a file of that name, which may be a path; `None` if its suffix says nothing."""
    # Only the suffixes are looked at: `guess_type` reads URLs, and "data:text/html,x.png" is one.
    suffixes = PurePath(name).suffixes[-2:]
    media_type, coding = mimetypes.guess_type("x" + "".join(suffixes))
    if coding is not None:
        return _COMPRESSED.get(coding, OCTET_STREAM)
    return media_type or (_ADDED.get(suffixes[-1].lower()) if suffixes else None)


def sniff_media_type(head: bytes) -> str:
    """The media type of what begins with `head`, its first `SNIFF_LENGTH` bytes or more."""
    for matches, media_type in _SIGNATURES:
        if matches(head):
            return media_type
    return OCTET_STREAM if not head or _BINARY(head, 0, SNIFF_LENGTH) else "text/plain"
