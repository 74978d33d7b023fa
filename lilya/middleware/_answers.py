"""The headers of an answer that passes a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lilya.datastructures._headers import Header
from lilya.types import Message

__all__ = ["with_headers"]


def with_headers(message: Message, change: Callable[[Header], Any]) -> Message:
    """A message that carries headers, after `change` was let at them; the one given stays as it is."""
    headers = Header.from_raw(message.get("headers") or ())
    change(headers)
    return {**message, "headers": headers.encoded_multi_items()}
