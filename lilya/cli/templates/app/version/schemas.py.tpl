"""What comes in and what goes out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Message:
    message: str
