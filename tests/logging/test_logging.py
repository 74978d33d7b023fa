"""One name for the logger in use, and nothing set up that nobody asked for."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from lilya.apps import Lilya
from lilya.exceptions import ImproperlyConfigured
from lilya.logging import (
    LoggerProtocol,
    LoggingConfig,
    StandardLoggingConfig,
    bind_logger,
    logger,
    setup_logging,
)


class Notebook:
    """A logger of nobody's library."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def _note(self, message: Any, /, *args: Any, **kwargs: Any) -> None:
        self.lines.append(str(message) % args)

    debug = info = warning = error = exception = critical = _note


@pytest.fixture(autouse=True)
def undo() -> Iterator[None]:
    named = logging.getLogger("lilya")
    before = (named.level, list(named.handlers), named.propagate)
    yield
    setup_logging()
    named.level, named.handlers, named.propagate = before
    logging.getLogger("mine").handlers.clear()


def test_it_stands_for_the_logger_called_lilya(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", "lilya"):
        for level in ("debug", "info", "warning", "error", "critical"):
            getattr(logger, level)("%s", level)
        try:
            raise ValueError
        except ValueError:
            logger.exception("failed")
    assert [record.getMessage() for record in caplog.records][-1] == "failed"
    assert len(caplog.records) == 6
    assert logger.name == "lilya"  # what the proxy does not know, the logger does
    assert isinstance(logger, LoggerProtocol)


def test_whoever_holds_the_name_follows_what_is_bound_later() -> None:
    held, notebook = logger, Notebook()
    bind_logger(notebook)
    held.info("%s has come", "Ada")
    bind_logger(held)  # to itself: no endless chain
    held.error("still")
    assert notebook.lines == ["Ada has come", "still"]
    assert repr(held) == f"LoggerProxy({notebook!r})"


@pytest.mark.parametrize("wrong", [print, object(), None])
def test_what_is_no_logger_is_refused(wrong: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="is no logger"):
        bind_logger(wrong)


def test_a_standard_configuration_writes_to_stderr_and_leaves_the_root_logger_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    setup_logging(StandardLoggingConfig(level="info", name="mine"))
    logger.info("hello")
    logger.debug("not this")
    assert out.getvalue().endswith("mine: hello\n")
    assert (root.level, root.handlers) == before


def test_neither_an_import_nor_an_application_sets_logging_up() -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    Lilya()
    assert (root.level, root.handlers, logging.getLogger("lilya").handlers) == (*before, [])


def test_a_configuration_of_its_own_is_taken_as_it_is() -> None:
    config = {"version": 1, "disable_existing_loggers": False, "loggers": {"lilya": {"level": "ERROR"}}}
    setup_logging(StandardLoggingConfig(config))
    assert logging.getLogger("lilya").level == logging.ERROR


@pytest.mark.parametrize("skip", [False, True])
def test_a_configuration_of_another_library_gives_its_logger(skip: bool) -> None:
    notebook = Notebook()

    class Config(LoggingConfig):
        skip_setup_configure = skip

        def configure(self) -> None:
            notebook.lines.append(f"configured {self.options}")

        def get_logger(self) -> Any:
            return notebook

    setup_logging(Config(level="trace", colour=True))
    logger.info("hello")
    assert notebook.lines == ([] if skip else ["configured {'colour': True}"]) + ["hello"]


def test_a_wrong_level_and_a_wrong_configuration_are_said_to_be_so() -> None:
    with pytest.raises(AssertionError, match="'LOUD' is no logging level; these are: CRITICAL"):
        StandardLoggingConfig(level="LOUD")
    with pytest.raises(
        ValueError, match=r"must be a LoggingConfig, not <class.* Did you mean `StandardLoggingConfig\(\)`"
    ):
        setup_logging(StandardLoggingConfig)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"must be a LoggingConfig, not \{\}"):
        setup_logging({})  # type: ignore[arg-type]
