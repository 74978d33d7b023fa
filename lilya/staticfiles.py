"""Files of directories, served as they are.

What is asked for is looked up in a thread: its real path must lie below the real path of the directory, and it is that
real path that is opened. What to send of it, and whether, is decided by `FileResponse`.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final, TypeAlias

from lilya._handling.refusing import Refusing, is_rescued
from lilya._sansio.conditional import Outcome, evaluate, parse_etag, parse_http_date
from lilya._sansio.headers import best_coding
from lilya._sansio.media_types import OCTET_STREAM, guess_media_type
from lilya.concurrency.threads import run_sync, thread_limits
from lilya.datastructures._headers import Header
from lilya.datastructures._url import URL
from lilya.exceptions import (
    ContinueRouting,
    HTTPException,
    ImproperlyConfigured,
    MethodNotAllowed,
    NotFound,
    PermissionDenied,
)
from lilya.responses.base import RedirectResponse, Response
from lilya.responses.files import FileResponse
from lilya.routing._dispatch import get_route_path
from lilya.types import Receive, Scope, Send

__all__ = ["StaticFiles"]

Directory: TypeAlias = str | os.PathLike[str]
Package: TypeAlias = str | tuple[str, str]

# What a package that names no directory has its files in.
PACKAGE_DIRECTORY: Final = "statics"

# Content codings and what their files are called, the smallest result first.
CODINGS: Final = (("br", ".br"), ("zstd", ".zst"), ("gzip", ".gz"))

# The status of an `index.html` that was asked for without the slash its relative links need.
_REDIRECT: Final = 307

# What the system says of a name that cannot be one of a file.
_NO_NAME: Final = frozenset({errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.EILSEQ})

# On Windows these are devices, streams and drives, or another spelling of another file.
_NOT_ON_WINDOWS: Final = re.compile(
    r'.*[<>:"|?*\x00-\x1f].*|.*[. ]|(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\..*)?', re.IGNORECASE
).fullmatch


@dataclass(frozen=True, slots=True)
class Found:
    """A file that answers a request: `name` tells its media type, `coding` how its bytes are packed."""

    path: str
    stat: os.stat_result
    name: str
    status: int = 200
    coding: str | None = None


class StaticFiles:
    """An ASGI app that serves the files below one or more directories: `Include("/static", app=StaticFiles(...))`.

    Nothing outside the directories is ever served. It answers GET and HEAD, conditional requests and ranges as
    `FileResponse` does, 404 for what is not there, is a directory or cannot be a file, and 403 for what the system
    does not let us read. In an application these are raised, so that its exception handlers see them.

    Args:
        directory: where the files are; several are searched in order.
        packages: Python packages whose directory `statics` is searched after them, or `(package, directory)`.
        html: a directory is answered with its `index.html`, what is missing with `404.html` and 404.
        check_dir: whether the directories must be there when the object is built, rather than at the first request.
        follow_symlink: whether links may lead out of the directories. Those that stay inside are always followed.
        fall_through: let the next route have what is not here.
        precompressed: send `app.js.br`, `.zst` or `.gz` in place of `app.js` to clients that take it, where it is
            there and not older.

    Raises:
        RuntimeError: a directory does not exist.
        AssertionError: a package, or its directory, does not exist.
    """

    def __init__(
        self,
        *,
        directory: Directory | Sequence[Directory] | None = None,
        packages: Iterable[Package] | None = None,
        html: bool = False,
        check_dir: bool = True,
        follow_symlink: bool = False,
        fall_through: bool = False,
        precompressed: bool = False,
    ) -> None:
        single = isinstance(directory, str | os.PathLike)
        given: list[Any] = [directory] if single else list(directory or ())  # type: ignore[arg-type]
        self.directories: list[str] = [os.fspath(each) for each in given] + [
            directory_of(each) for each in packages or ()
        ]
        self.html = html
        self.follow_symlink = follow_symlink
        self.fall_through = fall_through
        self.precompressed = precompressed
        self.config_checked = False
        if not self.directories:
            raise ImproperlyConfigured("StaticFiles needs a place to look: give `directory` or `packages`")
        for each in self.directories if check_dir else ():
            if not os.path.isdir(each):
                raise RuntimeError(f"Directory '{each}' does not exist")

    # -- serving ----------------------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Cancelling it closes the file.

        On a route of ours it raises `HTTPException` for what it does not serve, `ContinueRouting` with `fall_through`;
        anywhere else it answers by itself. Raises `RuntimeError` when a directory is missing.
        """
        if scope["type"] not in ("http", "websocket"):
            raise RuntimeError(f"StaticFiles serves http, not {scope['type']}")
        await Refusing(self._serve, HTTPException)(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            raise self._nothing(_not_found())
        if not self.config_checked:
            await self.check_config()
        try:
            response = await self.get_response(self.get_path(scope), scope)
            await response(scope, receive, send)
        except PermissionError as exc:
            raise PermissionDenied() from exc
        except ContinueRouting:
            if "route" not in scope or not is_rescued(scope):
                raise _not_found() from None  # there is no route to go on with
            raise

    async def check_config(self) -> None:
        """Look whether the directories are there; once. Raises `RuntimeError`."""
        for directory in self.directories:
            if not await run_sync(os.path.exists, directory, limiter=thread_limits().files):
                raise RuntimeError(f"StaticFiles directory '{directory}' does not exist.")
            if not await run_sync(os.path.isdir, directory, limiter=thread_limits().files):
                raise RuntimeError(f"StaticFiles path '{directory}' is not a directory.")
        self.config_checked = True

    def get_path(self, scope: Scope) -> str:
        """What of the request's path is looked up: relative, with "/", "" for the directories themselves."""
        return get_route_path(scope).strip("/")

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The answer to a request for `path`.

        Raises `HTTPException` with 404 or 405, `ContinueRouting` instead of them with `fall_through`, and
        `PermissionError`, which is answered with 403.
        """
        if scope["method"] not in ("GET", "HEAD"):
            raise self._nothing(MethodNotAllowed(headers={"Allow": "GET, HEAD"}))
        has_slash: bool = scope["path"].endswith("/")
        accept = ", ".join(Header.from_scope(scope).getlist("accept-encoding")) if self.precompressed else None
        found = await run_sync(self._find, path, has_slash, accept, limiter=thread_limits().files)
        if found is None:
            raise self._nothing(_not_found())
        if found.status == _REDIRECT:
            url = URL.build_from_scope(scope)
            return RedirectResponse(url.replace(path=url.path + "/"))
        headers = {}
        if self.precompressed:
            headers["vary"] = "Accept-Encoding"
        if found.coding is not None:
            headers["content-encoding"] = found.coding
        media_type = guess_media_type(found.name) or OCTET_STREAM
        return self.file_response(found.path, found.stat, scope, found.status, headers=headers, media_type=media_type)

    def file_response(
        self,
        full_path: str,
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
        **options: Any,
    ) -> Response:
        """The response that sends a file. `options` go to `FileResponse`; change its headers for a cache policy."""
        return _StaticFile(self, full_path, status_code=status_code, stat_result=stat_result, **options)

    def is_not_modified(self, response_headers: Header, request_headers: Header) -> bool:
        """Whether the client has the file already, and gets a 304 (RFC 9110 section 13)."""
        outcome = evaluate(
            "GET",
            request_headers,
            etag=parse_etag(response_headers.get("etag", "")),
            last_modified=parse_http_date(response_headers.get("last-modified", "")),
        )
        return outcome is Outcome.NOT_MODIFIED

    def _nothing(self, exc: HTTPException) -> BaseException:
        return ContinueRouting() if self.fall_through else exc

    # -- looking up, in a thread ------------------------------------------------------------------------------------

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """The first file, or directory, of that path: its real path, and what the system knows of it.

        `("", None)` if there is none, or if it cannot be one. Called in a thread. Raises `PermissionError` for what
        may not be looked at, and other errors of the system's as they are.
        """
        for directory in self.directories:
            try:
                full_path = self._inside(directory, path)
                if full_path is not None:
                    return full_path, os.stat(full_path)
            except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL, a lone surrogate
                continue
            except OSError as exc:
                if exc.errno not in _NO_NAME:
                    raise
        return "", None

    def _inside(self, directory: str, path: str) -> str | None:
        """The real path of `path` in a directory, if it is in there."""
        parts = parts_of(path)
        if parts is None:
            return None
        root = os.path.realpath(directory)
        full_path = os.path.join(root, *parts)
        if not self.follow_symlink:
            full_path = os.path.realpath(full_path)
        return full_path if os.path.commonpath((root, full_path)) == root else None

    def _find(self, path: str, has_slash: bool, accept_encoding: str | None) -> Found | None:
        """The file that answers, if there is one."""
        full_path, found = self.lookup_path(path)
        is_directory = found is not None and stat.S_ISDIR(found.st_mode)
        if is_directory and self.html:
            path = f"{path}/index.html"
            full_path, found = self.lookup_path(path)
            if found is not None and not has_slash:
                return Found(full_path, found, path, _REDIRECT)
        elif has_slash:
            found = None  # "style.css/" is no file
        if found is not None and stat.S_ISREG(found.st_mode):
            packed = None if accept_encoding is None else _packed(full_path, found, path, accept_encoding)
            return packed or Found(full_path, found, path)
        if self.html and not self.fall_through:
            full_path, found = self.lookup_path("404.html")
            if found is not None and stat.S_ISREG(found.st_mode):
                return Found(full_path, found, "404.html", 404)
        return None


class _StaticFile(FileResponse):
    """A file of a directory; whether the client has it is for `StaticFiles.is_not_modified` to say."""

    def __init__(self, files: StaticFiles, path: str, **options: Any) -> None:
        super().__init__(path, **options)
        self._files = files

    def check_conditions(self, scope: Scope, headers: Header) -> Outcome:
        """As `FileResponse` has it, but for the 304."""
        outcome = super().check_conditions(scope, headers)
        if outcome is Outcome.PRECONDITION_FAILED:
            return outcome
        has_it = self._files.is_not_modified(headers, Header.from_scope(scope))
        return Outcome.NOT_MODIFIED if has_it else Outcome.PROCEED


def parts_of(path: str, *, windows: bool = os.name == "nt") -> list[str] | None:
    """The names that a relative path of a URL is made of; `None` for what leads elsewhere, or might on some system."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    for part in parts:
        if part == ".." or "\\" in part or "\0" in part or (windows and _NOT_ON_WINDOWS(part)):
            return None
    return parts


def directory_of(package: Package) -> str:
    """The directory of a package. Raises `AssertionError` when one of them is not there."""
    name, directory = (package, PACKAGE_DIRECTORY) if isinstance(package, str) else package
    spec = find_spec(name)
    places = (spec and spec.submodule_search_locations) or ()
    for place in places:
        path = os.path.normpath(os.path.join(place, directory))
        if os.path.isdir(path):
            return path
    if not places:
        raise AssertionError(f"Package {name!r} could not be found.")
    raise AssertionError(f"Directory {directory!r} in package {name!r} could not be found.")


def _packed(path: str, original: os.stat_result, name: str, accept_encoding: str) -> Found | None:
    """The packed form of a file that the client wants most. An older one is of an older file."""
    offers: dict[str, Found] = {}
    for coding, suffix in CODINGS:
        try:
            # Beside the real file, and not a link: so it is inside, too.
            found = os.lstat(path + suffix)
        except OSError:
            continue
        if stat.S_ISREG(found.st_mode) and found.st_mtime >= original.st_mtime:
            offers[coding] = Found(path + suffix, found, name, coding=coding)
    return offers.get(best_coding(accept_encoding, [*offers]) or "")


def _not_found() -> HTTPException:
    return NotFound(detail="Not Found")
