"""Serves a folder as a site. A program: folder.py BIND FOLDER."""

from __future__ import annotations

import sys

from lilya.apps import Lilya
from lilya.routing import Include
from lilya.servers import run
from lilya.staticfiles import StaticFiles

if __name__ == "__main__":
    run(Lilya(routes=[Include("/", app=StaticFiles(directory=sys.argv[2], html=True))]), sys.argv[1])
