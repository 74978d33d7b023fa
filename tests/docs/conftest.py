"""What a program of the docs changes for the whole process is undone behind its test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lilya.decorators import LISTENERS
from lilya.lifecycle import forget
from lilya.transformers import TRANSFORMER_TYPES


@pytest.fixture(autouse=True)
def unregistered() -> Iterator[None]:
    """What a page registers (a transformer, a hook, a listener) is known to its own test only."""
    known = set(TRANSFORMER_TYPES)
    listeners = LISTENERS._by_event
    yield
    LISTENERS._by_event = listeners
    forget()
    for key in set(TRANSFORMER_TYPES) - known:
        del TRANSFORMER_TYPES[key]
