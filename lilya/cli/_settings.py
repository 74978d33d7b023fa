"""The option `--settings`."""

from __future__ import annotations

import os
from typing import Any, Final

import click

__all__ = ["SETTINGS", "settings_option"]

SETTINGS: Final = "LILYA_SETTINGS_MODULE"


def _export(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value:
        os.environ.setdefault(SETTINGS, value)


# Before the application is imported, which reads them.
settings_option: Final = click.option(
    "--settings",
    metavar="MODULE.CLASS",
    expose_value=False,
    callback=_export,
    help=f"The settings, unless ${SETTINGS} names some.",
)
