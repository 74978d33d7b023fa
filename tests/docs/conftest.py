"""What a program of the docs changes for the whole process is undone behind its test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lilya.transformers import TRANSFORMER_TYPES


@pytest.fixture(autouse=True)
def unregistered() -> Iterator[None]:
    """A transformer that a page registers is known to its own test only."""
    known = set(TRANSFORMER_TYPES)
    yield
    for key in set(TRANSFORMER_TYPES) - known:
        del TRANSFORMER_TYPES[key]
