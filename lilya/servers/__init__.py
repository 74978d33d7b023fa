"""Run an application in a server: `serve` in your own event loop and nursery, `run` from the command line."""

from lilya.servers._errors import ApplicationFailed
from lilya.servers._serve import run, serve

__all__ = ["ApplicationFailed", "run", "serve"]
