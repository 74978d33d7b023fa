"""`logger`: one name for the logger an application writes to, whichever that is.

    from lilya.logging import logger

    logger.info("%s has come", name)

It stands for the logger called "lilya" of the standard library until another one is bound, by `bind_logger` or, through
a `LoggingConfig`, by `setup_logging`. The house itself writes to loggers of the standard library below "lilya".

Nothing here configures the root logger, and nothing is configured that was not asked for: a library that does takes the
log away from the program it is in.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from lilya._lazy import lazily
from lilya.exceptions import ImproperlyConfigured
from lilya.protocols.logging import LoggerProtocol

if TYPE_CHECKING:
    from logging import config as configuring
else:
    configuring = lazily("logging.config")

__all__ = [
    "LoggerProtocol",
    "LoggerProxy",
    "LoggingConfig",
    "StandardLoggingConfig",
    "bind_logger",
    "logger",
    "setup_logging",
]

LEVELS: Final = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG", "TRACE", "NOTSET")


class LoggerProxy:
    """The logger in use. Hold on to the proxy: it follows what is bound later. What it does not know the logger does.

    Binding is one assignment, so that a thread sees the one logger or the other, never half of each.
    """

    __slots__ = ("_current",)

    def __init__(self, current: LoggerProtocol) -> None:
        self._current = current

    def bind_logger(self, logger: LoggerProtocol) -> None:
        """Put `logger` in place of the one in use. Raises `ImproperlyConfigured`, a `ValueError`, for what is none."""
        if not isinstance(logger, LoggerProtocol):
            raise ImproperlyConfigured(f"{logger!r} is no logger: it lacks one of {', '.join(_METHODS)}")
        self._current = logger._current if isinstance(logger, LoggerProxy) else logger

    def debug(self, message: Any, /, *args: Any, **kwargs: Any) -> Any:
        """For those who look into it."""
        return self._current.debug(message, *args, **kwargs)

    def info(self, message: Any, /, *args: Any, **kwargs: Any) -> Any:
        """For the record."""
        return self._current.info(message, *args, **kwargs)

    def warning(self, message: Any, /, *args: Any, **kwargs: Any) -> Any:
        """It works, and somebody should know."""
        return self._current.warning(message, *args, **kwargs)

    def error(self, message: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Something failed."""
        return self._current.error(message, *args, **kwargs)

    def exception(self, message: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Something failed, with the exception being handled."""
        return self._current.exception(message, *args, **kwargs)

    def critical(self, message: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Nothing works."""
        return self._current.critical(message, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._current, name)

    def __repr__(self) -> str:
        return f"LoggerProxy({self._current!r})"


_METHODS: Final = ("debug", "info", "warning", "error", "exception", "critical")


class LoggingConfig(ABC):
    """How logging is set up, and which logger is used then.

    Args:
        level: the name of a level, in any case. Another one is an `AssertionError`.
        kwargs: for the subclass; kept in `options`, and as attributes.

    A subclass says so by `skip_setup_configure = True` where `configure` is not to be called by `setup_logging`.
    """

    skip_setup_configure: bool = False
    name: str = "lilya"

    def __init__(self, level: str = "DEBUG", **kwargs: Any) -> None:
        if str(level).upper() not in LEVELS:
            raise AssertionError(f"{level!r} is no logging level; these are: {', '.join(LEVELS)}")
        self.level = str(level).upper()
        self.options = kwargs
        for name, value in kwargs.items():
            setattr(self, name, value)

    @abstractmethod
    def configure(self) -> None:
        """Set logging up."""

    @abstractmethod
    def get_logger(self) -> Any:
        """The logger to use, see `LoggerProtocol`."""


class StandardLoggingConfig(LoggingConfig):
    """The standard library's: the logger `name`, at `level`, with a handler that writes to stderr.

    `config` is a mapping for `logging.config.dictConfig` instead; what it says of the root logger is the program's own
    will.
    """

    def __init__(self, config: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config: dict[str, Any] = self.default_config() if config is None else dict(config)

    def default_config(self) -> dict[str, Any]:
        """Without a `config`: one logger, one handler, and the root logger as it was."""
        return {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"lilya": {"format": "%(levelname)s %(asctime)s %(name)s: %(message)s"}},
            "handlers": {"lilya": {"class": "logging.StreamHandler", "formatter": "lilya"}},
            "loggers": {
                self.name: {"level": _standard(self.level), "handlers": ["lilya"], "propagate": False},
            },
        }

    def configure(self) -> None:
        """Hand the configuration to the standard library. Raises `ValueError` for one it does not take."""
        configuring.dictConfig(self.config)

    def get_logger(self) -> logging.Logger:
        """The logger called `name`."""
        return logging.getLogger(self.name)


def _standard(level: str) -> str:
    return "DEBUG" if level == "TRACE" else level


logger = LoggerProxy(logging.getLogger("lilya"))
"""The one logger of the process."""

bind_logger = logger.bind_logger


def setup_logging(logging_config: LoggingConfig | None = None) -> None:
    """Set logging up as `logging_config` has it, and use its logger, for the whole process.

    Without one nothing is set up, and `logger` is the one called "lilya" again. Raises `ImproperlyConfigured`, a
    `ValueError`, for what is no `LoggingConfig`.
    """
    if logging_config is None:
        logger.bind_logger(logging.getLogger("lilya"))
        return
    if not isinstance(logging_config, LoggingConfig):
        hint = f" Did you mean `{logging_config.__name__}()`?" if isinstance(logging_config, type) else ""
        raise ImproperlyConfigured(f"`logging_config` must be a LoggingConfig, not {logging_config!r}.{hint}")
    if not logging_config.skip_setup_configure:
        logging_config.configure()
    logger.bind_logger(logging_config.get_logger())
