from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest

from lilya.exceptions import MissingDependency
from lilya.testclient import _httpx


def loaded_again() -> ModuleType:
    """The module as a first import would make it; the one in use stays as it is."""
    spec = importlib.util.spec_from_file_location("httpx_again", _httpx.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_httpx_is_used_where_it_is_installed() -> None:
    assert loaded_again().httpx.__name__ == "httpx"


def test_httpx2_is_used_where_only_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("httpx2")
    monkeypatch.setitem(sys.modules, "httpx", None)
    assert loaded_again().httpx.__name__ == "httpx2"


def test_without_either_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    monkeypatch.setitem(sys.modules, "httpx2", None)
    with pytest.raises(MissingDependency, match=r"pip install httpx"):
        loaded_again()
