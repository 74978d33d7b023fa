from __future__ import annotations

from typing import Any

import pytest

from lilya.exceptions import ImproperlyConfigured
from lilya.testing.options import ServerOptions


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"extensions": frozenset({"http.response.smoke_signal"})}, r"unknown extensions \['http"),
        ({"message_size": 0}, "message_size wants at least 1 byte, got 0"),
        ({"response_buffer": -1}, "response_buffer wants at least 0, got -1"),
        ({"disconnect_grace": -0.5}, r"disconnect_grace wants at least 0, got -0\.5"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=complaint):
        ServerOptions(**options)
