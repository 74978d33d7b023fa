"""The one place that imports httpx, or httpx2 where only that is installed, under the name `httpx`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http.cookiejar import CookieJar
from typing import TypeAlias

from lilya.exceptions import MissingDependency

try:
    import httpx
except ModuleNotFoundError:
    try:
        import httpx2 as httpx  # type: ignore[import-not-found, no-redef, unused-ignore]
    except ModuleNotFoundError:
        raise MissingDependency("the test client needs httpx: pip install httpx") from None

__all__ = ["CookieTypes", "HeaderTypes", "httpx"]

CookieTypes: TypeAlias = httpx.Cookies | CookieJar | dict[str, str] | list[tuple[str, str]]
HeaderTypes: TypeAlias = (
    httpx.Headers
    | Mapping[str, str]
    | Mapping[bytes, bytes]
    | Sequence[tuple[str, str]]
    | Sequence[tuple[bytes, bytes]]
)
