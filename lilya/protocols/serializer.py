"""What may be put in place of the standard library's `json`."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

__all__ = ["SerializerProtocol"]


@runtime_checkable
class SerializerProtocol(Protocol):
    """What may be installed: the four functions of `json`.

    `dumps` may return str or bytes. It is called with `default=`, a function that is to be asked for every object the
    serializer cannot write itself, and that raises `ValueError` for one nobody can.
    """

    def dump(self, value: Any, file: Any, /, **options: Any) -> None:
        """Write a value as JSON to a file."""

    def dumps(self, value: Any, /, **options: Any) -> str | bytes:
        """The JSON of a value."""

    def load(self, file: Any, /, **options: Any) -> Any:
        """The value of the JSON in a file."""

    def loads(self, value: Any, /, **options: Any) -> Any:
        """The value of a JSON text. Raises `ValueError` for what is none."""
