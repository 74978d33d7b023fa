"""Finding the application, and saying what is wrong where there is none."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.cli.env import DirectiveEnv, application_of, applications_in, candidates, import_user_module, lilya_inside
from lilya.cli.exceptions import AppImportError
from lilya.exceptions import EnvError
from lilya.routing import Include
from tests.cli.driving import APP, files, lilya

realtime = pytest.mark.realtime


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, the current one; what is imported from it is forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.delenv("LILYA_DEFAULT_APP", raising=False)
    return tmp_path


def test_the_files_of_the_folder_come_before_those_of_folders_below(here: Path) -> None:
    files(here, main="", app="", a__application="", venv__app="", a__deep__app="")
    (here / "venv" / "pyvenv.cfg").write_text("")
    (here / "not-a-package").mkdir()
    (here / "not-a-package" / "app.py").write_text("")
    assert [name for _, name in candidates(here)] == ["app", "main", "a.application"]


def test_an_application_below_is_found_by_its_dotted_name(here: Path) -> None:
    files(here, project__main=APP)
    env = DirectiveEnv().load_from_env()
    assert env.path == "project.main:app"
    assert env.command_path == str(here)
    assert env.lilya_app is env.app is not None
    assert env.module_info is not None
    assert env.module_info.__name__ == "project.main"


def test_the_whole_application_is_meant_and_not_a_child_of_it(here: Path) -> None:
    module = import_user_module("email")
    child = ChildLilya()
    vars(module).update(one=child, two=Lilya(routes=[Include("/c", app=child)]))
    assert (application_of(module) or ("",))[0] == "two"
    del vars(module)["two"]
    assert (application_of(module) or ("",))[0] == "one"


def test_middleware_around_an_application_is_seen_through(here: Path) -> None:
    wrapped = "class Wrapper:\n    def __init__(self, app): self.app = app\n    async def __call__(self, *a): ...\n"
    files(here, app=f"{wrapped}from lilya.apps import Lilya\napp = Wrapper(Wrapper(Lilya()))")
    env = DirectiveEnv().load_from_env()
    assert type(env.app).__name__ == "Wrapper"
    assert isinstance(env.lilya_app, Lilya)


@pytest.mark.parametrize("name", ["get_application", "get_app"])
def test_a_factory_is_called(here: Path, name: str) -> None:
    files(here, app=f"from lilya.apps import Lilya\ndef {name}(): return Lilya()")
    env = DirectiveEnv().load_from_env()
    assert env.path == f"app:{name}"
    assert isinstance(env.app, Lilya)


def test_a_factory_can_be_named_and_one_that_fails_says_so(here: Path) -> None:
    files(here, made="from lilya.apps import Lilya\ndef make(): return Lilya()\ndef fail(): raise KeyError('x')")
    assert isinstance(DirectiveEnv().load_from_env("made:make").app, Lilya)
    with pytest.raises(AppImportError, match=r"made:fail\(\) failed: KeyError"):
        DirectiveEnv().load_from_env("made:fail")


def test_any_asgi_application_can_be_named(here: Path) -> None:
    files(here, raw="async def app(scope, receive, send): ...")
    env = DirectiveEnv().load_from_env("raw:app")
    assert callable(env.app)
    assert env.lilya_app is lilya_inside(env.app) is None
    assert DirectiveEnv().import_app_from_string("raw:app").app is env.app


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("server", "the form is module:attribute\ndid you mean --app server:api ?"),
        ("server:app", "has no 'app'\ndid you mean --app server:api ?"),
        ("server.py:api", "that is a file\ndid you mean --app server:api ?"),
        ("mian:app", "there is no module 'mian'"),
        (":app", "did you mean --app main:app ?"),
        ("server:NUMBER", "that is a int, no ASGI application"),
        ("..server:api", "did you mean --app server:api ?"),
    ],
)
def test_a_wrong_name_is_told_with_the_right_one(here: Path, named: str, said: str) -> None:
    files(here, server=APP.replace("app =", "NUMBER = 1\napi ="))
    with pytest.raises(EnvError) as caught:
        DirectiveEnv().load_from_env(named)
    assert said in str(caught.value.detail)


def test_a_folder_without_an_application_says_where_one_seems_to_be(here: Path) -> None:
    files(here, app="x = 1", inner__server="from lilya.apps import Lilya\napi: Lilya = Lilya()")
    with pytest.raises(EnvError) as caught:
        DirectiveEnv().load_from_env()
    assert str(caught.value.detail) == (
        "Could not find a Lilya application: found app.py, but no Lilya object in it.\n"
        "did you mean --app inner.server:api ?"
    )


def test_a_file_is_read_for_a_proposal_and_not_run(tmp_path: Path) -> None:
    files(tmp_path, a="import lilya.apps\nraise SystemExit\nx = y = lilya.apps.ChildLilya()\ndef make_app(): ...")
    assert applications_in(tmp_path / "a.py") == ["x", "y", "make_app"]
    files(tmp_path, b="def (")
    assert applications_in(tmp_path / "b.py") == []


def test_the_module_an_application_imports_in_vain_is_told_apart_from_its_own(here: Path) -> None:
    files(here, app="import nothing_of_this_name")
    with pytest.raises(AppImportError, match="nothing_of_this_name"):
        DirectiveEnv().load_from_env()


@realtime
@pytest.mark.parametrize("command", ["show-urls", "runserver", "shell"])
def test_no_application_is_exit_code_1_and_names_the_ways_to_name_one(tmp_path: Path, command: str) -> None:
    result = lilya(command, cwd=tmp_path, stdin="1")
    assert (result.code, result.out) == (1, "")
    assert "Could not find a Lilya application" in result.err
    assert "--app" in result.err
    assert "LILYA_DEFAULT_APP" in result.err
    assert "Traceback" not in result.err


@realtime
def test_a_bad_app_is_exit_code_1_without_a_traceback(tmp_path: Path) -> None:
    files(tmp_path, main=APP)
    result = lilya("--app", "main.ap", "show-urls", cwd=tmp_path)
    assert (result.code, result.out) == (1, "")
    assert result.err.count("\n") == 2, "a line says what, a line what to do"


@realtime
def test_what_a_file_raises_is_shown_from_its_own_first_line(tmp_path: Path) -> None:
    files(tmp_path, app="import helper", helper="1 / 0")
    result = lilya("show-urls", cwd=tmp_path)
    assert result.code == 1
    assert result.err.startswith(f'Traceback (most recent call last):\n  File "{tmp_path / "app.py"}", line 1')
    assert f"{os.sep}lilya{os.sep}cli{os.sep}" not in result.err
    assert "Error: " in result.err.splitlines()[-1]
