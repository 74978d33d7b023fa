"""What finds out who is there."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

__all__ = ["AuthenticationProtocol"]


@runtime_checkable
class AuthenticationProtocol(Protocol):
    """An authentication backend."""

    async def authenticate(self, connection: Any, /, **kwargs: Any) -> Any:
        """The credentials and the user of a `Connection`, as a pair; None where it knows of none.

        Raises `AuthenticationError` for credentials that are wrong.
        """
