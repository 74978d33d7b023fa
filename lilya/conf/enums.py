"""Words that settings use."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["EnvironmentType", "StrEnum"]


class EnvironmentType(StrEnum):
    """Where an application runs."""

    DEVELOPMENT = "development"
    TESTING = "testing"
    PRODUCTION = "production"
