"""What is wrong with settings."""

from __future__ import annotations

from lilya.exceptions import ImproperlyConfigured

__all__ = ["FieldException"]


class FieldException(ImproperlyConfigured):
    """A setting has no value, or one that does not fit; a `ValueError`. It never shows the value."""
