"""A place to drop files of any size: uploads that tell their progress and can be resumed, downloads in parts."""

from __future__ import annotations

import hashlib
import io
import os
import re
import sys
import tempfile
import time
import unicodedata
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path as FilePath
from typing import NamedTuple

import anyio

from lilya.apps import Lilya
from lilya.concurrency import Service, run_in_threadpool, shielded
from lilya.exceptions import BadRequest, ContentTooLarge, HTTPException, NotFound
from lilya.requests import Request
from lilya.responses import FileResponse, JSONResponse, Response
from lilya.routing import Path
from lilya.servers import run

PAGE = FilePath(__file__).with_name("page.html")
MAX_SIZE = 4 << 30  # bytes of one file
BUFFER = 1 << 20  # bytes kept before they are written: a thread is worth its while, and memory is not
HOUR = 60 * 60
LONGEST = 200  # bytes of a name; file systems stop at 255, and a number may have to be added
DAY = 24 * HOUR  # that parts are kept

# What some file system, shell or terminal takes for something else: controls and formats, and what Windows forbids.
_UNSAFE = re.compile(r'[<>:"|?*]')
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")


# -- the folder -------------------------------------------------------------------------------------------------------


class File(NamedTuple):
    """A whole file: its name, its size in bytes, and when it was completed (POSIX seconds)."""

    name: str
    size: int
    time: float


def clean(name: str) -> str:
    """What a file may be called here, made of what a client calls it. `ValueError` when nothing is left of that."""
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    name = "".join("_" if unicodedata.category(each)[0] == "C" else each for each in name)
    name = _UNSAFE.sub("_", name).lstrip(". ").rstrip(". ")
    if _DEVICES.match(name):
        name = f"_{name}"
    stem, suffix = os.path.splitext(name)
    suffix = suffix if len(suffix.encode()) <= 20 else ""
    name = stem.encode()[: LONGEST - len(suffix.encode())].decode(errors="ignore") + suffix
    if not name:
        raise ValueError("a file needs a name")
    return name


class Drop:
    """Whole files in `folder`; beside them, in a folder of their own, parts of files that are not here yet.

    Every method blocks: call it in a thread.
    """

    def __init__(self, folder: FilePath) -> None:
        self.folder = folder
        self._parts = folder / ".parts"
        self._parts.mkdir(parents=True, exist_ok=True)

    def files(self) -> list[File]:
        """The whole files, the newest first."""
        found = [File(each.name, each.stat().st_size, each.stat().st_mtime) for each in self.folder.glob("[!.]*")]
        return sorted(found, key=lambda file: file.time, reverse=True)

    def path(self, name: str) -> FilePath | None:
        """Where a whole file lies, if it is here."""
        path = self.folder / name
        return path if name == clean(name) and path.is_file() else None

    def part(self, name: str, size: int) -> FilePath:
        """Where the part of a file lies, or would lie. Another size is another file."""
        return self._parts / hashlib.sha256(f"{size} {name}".encode()).hexdigest()

    def received(self, name: str, size: int) -> int:
        """How much of a file is here already, in bytes."""
        part = self.part(name, size)
        return part.stat().st_size if part.exists() else 0

    def complete(self, name: str, size: int) -> str:
        """The part is whole: put it among the files. Returns its name there, which may have got a number."""
        stem, suffix = os.path.splitext(name)
        part, free, number = self.part(name, size), name, 1
        while True:
            try:
                os.link(part, self.folder / free)  # fails where the name is taken: nothing is ever overwritten
            except FileExistsError:
                number += 1
                free = f"{stem} ({number}){suffix}"
            else:
                part.unlink()
                return free

    def forget(self, name: str, size: int) -> None:
        """Throw away a part."""
        self.part(name, size).unlink(missing_ok=True)

    def sweep(self, age: float = DAY) -> int:
        """Throw away the parts nobody has continued for `age` seconds; how many there were."""
        old = [part for part in self._parts.iterdir() if time.time() - part.stat().st_mtime > age]
        for part in old:
            part.unlink(missing_ok=True)
        return len(old)


# -- the web ----------------------------------------------------------------------------------------------------------


def number(request: Request, header: str, default: str | None = None) -> int:
    text = request.headers.get(header, default)
    if text is None or not (text.isascii() and text.isdecimal()):
        raise BadRequest(f"{header} is a number of bytes, not {text!r}")
    return int(text)


def name_and_size(request: Request, name: str, default: str | None = None) -> tuple[str, int]:
    """Which file is meant. Of another size it is another one."""
    size = number(request, "upload-length", default)
    if size > MAX_SIZE:
        raise ContentTooLarge(f"a file may have {MAX_SIZE} bytes")
    try:
        return clean(name), size
    except ValueError as error:
        raise BadRequest(str(error)) from None


class Writer:
    """Writes pieces to the end of a file, in threads, and not each one by itself."""

    def __init__(self, file: io.FileIO) -> None:
        self.size = file.tell()
        self._file = file
        self._kept = bytearray()

    async def write(self, piece: bytes) -> None:
        self._kept += piece
        self.size += len(piece)
        if len(self._kept) >= BUFFER:
            await self.flush()

    async def flush(self) -> None:
        kept, self._kept = self._kept, bytearray()
        await run_in_threadpool(self._write_all, memoryview(kept))

    def _write_all(self, kept: memoryview) -> None:
        while kept:
            kept = kept[self._file.write(kept) :]


@asynccontextmanager
async def opened(path: FilePath) -> AsyncGenerator[Writer]:
    """The writer of a part. What has come is kept, however the upload ends: that is where it is continued."""
    file = await run_in_threadpool(io.FileIO, path, "ab")
    try:
        writer = Writer(file)
        try:
            yield writer
        finally:
            with shielded(10):
                await writer.flush()
    finally:
        file.close()


class FileDrop:
    """The handlers, and what they share."""

    def __init__(self, folder: FilePath) -> None:
        self.drop = Drop(folder)
        self.busy: set[FilePath] = set()

    @contextmanager
    def alone(self, part: FilePath) -> Iterator[None]:
        """One upload of a part at a time."""
        if part in self.busy:
            raise HTTPException(status_code=423, detail="Somebody is uploading this file.")
        self.busy.add(part)
        try:
            yield
        finally:
            self.busy.remove(part)

    async def upload(self, request: Request, name: str) -> Response:
        """Append the body to what is here of the file, from `Upload-Offset` on; 201 when it is whole, else 204.

        409 when that is not how much is here: the header of the answer tells.
        """
        offset = number(request, "upload-offset", "0")
        rest = request.headers.get("content-length", "")
        name, size = name_and_size(request, name, str(offset + int(rest)) if rest.isdecimal() else None)
        part = self.drop.part(name, size)
        with self.alone(part):
            received = await run_in_threadpool(self.drop.received, name, size)
            if offset != received:
                told = {"upload-offset": str(received)}
                raise HTTPException(status_code=409, detail=f"{received} bytes are here, not {offset}.", headers=told)
            async with opened(part) as writer:
                async for piece in request.stream():  # raises when the client leaves
                    if writer.size + len(piece) > size:
                        raise ContentTooLarge(f"more was sent than the {size} bytes of Upload-Length")
                    await writer.write(piece)
            if writer.size < size:
                return Response(status_code=204, headers={"upload-offset": str(writer.size)})
            return JSONResponse({"name": await run_in_threadpool(self.drop.complete, name, size)}, status_code=201)

    async def received(self, request: Request, name: str) -> JSONResponse:
        """How much is here of a file that is not whole."""
        name, size = name_and_size(request, name)
        with self.alone(self.drop.part(name, size)):
            return JSONResponse({"offset": await run_in_threadpool(self.drop.received, name, size)})

    async def forget(self, request: Request, name: str) -> None:
        """Throw away what is here of a file that is not whole."""
        name, size = name_and_size(request, name)
        with self.alone(self.drop.part(name, size)):
            await run_in_threadpool(self.drop.forget, name, size)

    async def download(self, name: str) -> FileResponse:
        """The file, or a part of it; never shown as a page of this site."""
        path = await run_in_threadpool(self.drop.path, name)
        if path is None:
            raise NotFound(f"There is no file {name!r}.")
        return FileResponse(path, filename=name, headers={"x-content-type-options": "nosniff"})

    async def files(self) -> list[dict[str, object]]:
        return [file._asdict() for file in await run_in_threadpool(self.drop.files)]

    async def page(self) -> FileResponse:
        return FileResponse(PAGE, media_type="text/html")

    async def sweep(self) -> None:
        """A service: parts that nobody continues are thrown away after a day."""
        while True:
            await run_in_threadpool(self.drop.sweep)
            await anyio.sleep(HOUR)


def make_app(folder: FilePath) -> Lilya:
    """A drop in a folder."""
    drop = FileDrop(folder)
    return Lilya(
        routes=[
            Path("/", drop.page),
            Path("/files", drop.files),
            Path("/files/{name}", drop.download),
            Path("/files/{name}", drop.upload, methods=["PATCH"]),
            Path("/parts/{name}", drop.received),
            Path("/parts/{name}", drop.forget, methods=["DELETE"]),
        ],
        services=[Service(drop.sweep, name="sweep", restart="on-failure")],
    )


if __name__ == "__main__":
    folder = FilePath(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp(prefix="filedrop-"))
    print(f"files are kept in {folder}")
    run(make_app(folder), sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8000")
