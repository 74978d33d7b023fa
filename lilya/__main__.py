"""`lilya`, and `python -m lilya`."""

from __future__ import annotations

from importlib import import_module

__all__ = ["run_cli"]


def run_cli() -> None:
    """Run the command line and end the process with its exit code; 1, with a word, without the libraries it needs."""
    try:
        # By name: the libraries behind it may not be there.
        import_module("lilya.cli.main").cli.main(prog_name="lilya")
    except ModuleNotFoundError as exc:
        missing = (exc.name or "").partition(".")[0]
        if missing not in ("click", "rich"):
            raise
        # Text is printed on stderr, and the exit code is 1.
        raise SystemExit(f"The command needs {missing}, which is not installed: pip install click rich") from None


if __name__ == "__main__":
    run_cli()
