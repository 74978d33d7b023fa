"""The settings of the process, or of the application that serves."""

from lilya.conf._current import LazySettings, override_settings, reload_settings, settings

__all__ = ["LazySettings", "override_settings", "reload_settings", "settings"]
