"""Runs an application of this folder by `lilya.servers.run`, as one argument of JSON says (see `harness.serving`)."""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
from pathlib import Path
from typing import Any

from lilya.servers import run


def load(target: str) -> Any:
    """The object that "file.py:name" names."""
    file, _, name = target.partition(":")
    spec = importlib.util.spec_from_file_location(Path(file).stem, Path(__file__).parent / file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return getattr(module, name)


if __name__ == "__main__":
    logging.basicConfig(level="INFO", format="%(levelname)s %(name)s: %(message)s")
    options: dict[str, Any] = json.loads(sys.argv[1])
    run(load(options.pop("app")), **options)
