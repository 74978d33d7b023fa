"""A file as an answer, in one call."""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import PurePath
from typing import Any

from lilya.responses.files import FileResponse

__all__ = ["send_file"]


def send_file(
    filename_or_fp: str | PathLike[str] | Any,
    mimetype: str | None = None,
    as_attachment: bool = False,
    attachment_filename: str | None = None,
    max_age: int | None = None,
    deduce_media_type_from_body: bool | None = None,
) -> FileResponse:
    """The answer that sends a file: one on the disk, by its path, or one that is open in binary mode, which it closes.

    It is shown, or, with `as_attachment`, saved under `attachment_filename` (by default the file's own name, "download"
    for an open file without one). `mimetype` is its media type, by default what its name says, or its first bytes with
    `deduce_media_type_from_body`. `max_age` is how many seconds it may be kept (`Cache-Control`, RFC 9111, section
    5.2.2.1). Ranges and conditions of the request are answered as `FileResponse` does.

    A path must not come from a client as it is: `StaticFiles` checks such. Sending raises `RuntimeError` where there is
    no such file.
    """
    name = filename_or_fp if isinstance(filename_or_fp, str | PathLike) else getattr(filename_or_fp, "name", None)
    own = PurePath(fspath(name)).name if isinstance(name, str | PathLike) else "download"
    return FileResponse(
        filename_or_fp,
        filename=attachment_filename or own,
        media_type=mimetype,
        headers=None if max_age is None else {"cache-control": f"max-age={max_age}"},
        content_disposition_type="attachment" if as_attachment else "inline",
        deduce_media_type_from_body=bool(deduce_media_type_from_body),
    )
