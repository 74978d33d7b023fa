"""Serve for development: `python -m @@project_name.serve`. It starts anew when a file changes."""

from __future__ import annotations

import os

from lilya.cli.main import cli
from lilya.conf import settings


def main() -> None:
    """Serve at HOST and PORT of the environment, until stopped."""
    host = os.environ.get("HOST", "localhost")
    port = os.environ.get("PORT") or str(getattr(settings, "port", 8000))
    cli(["--app", "@@project_name.main:app", "runserver", "--reload", "--bind", f"{host}:{port}"])


if __name__ == "__main__":
    main()
