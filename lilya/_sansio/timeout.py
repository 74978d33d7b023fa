"""How long a client is willing to wait, as its request says it. No standard names a header for it; two forms are usual.

A text that is none of them says nothing: who reads it goes by what he knows already.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

__all__ = ["parse_grpc_timeout", "parse_timeout"]

# Eight digits, as gRPC has it: three years in seconds. More is no number anybody means.
_SECONDS: Final = re.compile(r"[0-9]{1,8}(?:\.[0-9]{1,9})?", re.ASCII)
_GRPC: Final = re.compile(r"([0-9]{1,8})([HMSmun])", re.ASCII)
_UNITS: Final[Mapping[str, float]] = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}


def parse_timeout(text: str) -> float | None:
    """Seconds, with or without a fraction: `5`, `0.25`."""
    text = text.strip(" \t")
    return float(text) if _SECONDS.fullmatch(text) else None


def parse_grpc_timeout(text: str) -> float | None:
    """The form of `grpc-timeout` (gRPC over HTTP/2, "Requests"): `5S`, `250m`; returns seconds."""
    match = _GRPC.fullmatch(text.strip(" \t"))
    return None if match is None else int(match[1]) * _UNITS[match[2]]
