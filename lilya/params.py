"""Parameters that a handler, or a dependency, reads from the query string, a header or a cookie.

    async def search(q: str = Query(required=True), page: int = Query(1)) -> ...
    async def me(session: Annotated[str, Cookie("session")]) -> ...

A value of the path is a parameter of its name; it needs no marker.
"""

from __future__ import annotations

from lilya._handling.params import Cookie, Header, Query

__all__ = ["Cookie", "Header", "Query"]
