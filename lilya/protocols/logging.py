"""What may stand behind `lilya.logging.logger`: the methods all loggers have."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

__all__ = ["LoggerProtocol"]


@runtime_checkable
class LoggerProtocol(Protocol):
    """A logger of the standard library, of loguru, of structlog."""

    def debug(self, message: Any, /, *args: Any, **kwargs: Any) -> Any:
        """For those who look into it."""

    def info(self, message: Any, /, *args: Any, **kwargs: Any) -> Any:
        """For the record."""

    def warning(self, message: Any, /, *args: Any, **kwargs: Any) -> Any:
        """It works, and somebody should know."""

    def error(self, message: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Something failed."""

    def exception(self, message: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Something failed, with the exception being handled."""

    def critical(self, message: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Nothing works."""
