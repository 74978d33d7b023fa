"""The settings of the process, or of the application that serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lilya._lazy import face

if TYPE_CHECKING:
    from lilya.conf._current import LazySettings, override_settings, reload_settings, settings
else:
    __getattr__, __dir__ = face(
        __name__,
        {
            "._current": "LazySettings override_settings reload_settings settings",
        },
    )

__all__ = ["LazySettings", "override_settings", "reload_settings", "settings"]
