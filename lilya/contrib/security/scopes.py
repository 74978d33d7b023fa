"""Scopes: what a token is good for (RFC 6749, section 3.3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lilya._sansio.authorization import format_challenge
from lilya.exceptions import PermissionDenied

__all__ = ["Scopes"]


class Scopes:
    """Scopes, each once, in their order: `Scopes(["read", "write"])`, or as they are sent, `Scopes("read write")`."""

    def __init__(self, scopes: Iterable[str] | str | None = None) -> None:
        given = scopes.split(" ") if isinstance(scopes, str) else scopes or ()
        self.scopes = list(dict.fromkeys(each for each in given if each))

    @property
    def scope_str(self) -> str:
        """As they are sent: with a space between them."""
        return " ".join(self.scopes)

    def demand(self, granted: Iterable[str] | str) -> None:
        """Refuse who has not all of them.

        Raises `PermissionDenied`, a 403 whose `WWW-Authenticate` names them (RFC 6750, section 3.1).
        """
        has = Scopes(granted)
        if not all(each in has for each in self):
            challenge = format_challenge("Bearer", error="insufficient_scope", scope=self.scope_str)
            raise PermissionDenied(headers={"WWW-Authenticate": challenge})

    def __contains__(self, scope: object) -> bool:
        return scope in self.scopes

    def __iter__(self) -> Iterator[str]:
        return iter(self.scopes)

    def __len__(self) -> int:
        return len(self.scopes)

    def __repr__(self) -> str:
        return f"Scopes({self.scopes!r})"
