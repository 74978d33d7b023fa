"""The group: its options, what it costs, and how it says no."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lilya import __version__
from tests.cli.driving import APP, files, lilya, python

pytestmark = pytest.mark.realtime


def test_the_version_is_told(tmp_path: Path) -> None:
    result = lilya("--version", cwd=tmp_path)
    assert (result.code, result.out) == (0, f"Lilya, version {__version__}\n")


def test_the_version_costs_little_more_than_python_itself(tmp_path: Path) -> None:
    """Measured: 55 ms. Three times that is allowed, as the best of three."""

    def best(*arguments: str) -> float:
        times = []
        for _ in range(3):
            began = time.monotonic()
            python(*arguments, cwd=tmp_path)
            times.append(time.monotonic() - began)
        return min(times)

    assert best("-m", "lilya", "--version") - best("-c", "pass") < 0.150


def test_the_command_line_imports_nothing_it_does_not_need(tmp_path: Path) -> None:
    code = "import sys, lilya.cli.main; print(sorted({'anyio', 'trio', 'rich', 'lilya.apps'} & set(sys.modules)))"
    assert python("-c", code, cwd=tmp_path).out == "[]\n"


def test_without_a_command_it_helps(tmp_path: Path) -> None:
    result = lilya(cwd=tmp_path)
    assert result.code == 0
    assert "runserver" in result.out
    assert all(len(line) <= 80 for line in result.out.splitlines())
    assert "\x1b" not in result.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["runsever"], "Did you mean 'runserver'?"),
        (["createproject"], "Missing argument 'NAME...'"),
        (["runserver", "--colour"], "No such option '--colour'"),
        (["--path", "nowhere", "directives"], "'nowhere' does not exist"),
        (["runserver", "--reload", "--workers", "2"], "without --workers"),
        (["runserver", "--bind", "127.0.0.1:1", "--port", "2"], "--bind is instead of"),
        (["run"], "which directive?"),
    ],
)
def test_bad_usage_is_told_on_stderr_with_exit_code_2(tmp_path: Path, arguments: list[str], said: str) -> None:
    result = lilya(*arguments, cwd=tmp_path)
    assert (result.code, result.out) == (2, "")
    assert said in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_a_missing_library_is_named(tmp_path: Path, missing: str) -> None:
    files(tmp_path, app=APP)
    code = f"import sys; sys.modules[{missing!r}] = None; from lilya.__main__ import run_cli; run_cli()"
    result = python("-c", code, "show-urls", cwd=tmp_path)
    assert result.code == 1
    assert result.err == f"The command needs {missing}, which is not installed: pip install click rich\n"


def test_the_folder_has_a_file_env_which_the_environment_beats(tmp_path: Path) -> None:
    files(tmp_path, server=APP.replace("app =", "api ="), other=APP.replace('"/"', '"/other"'))
    (tmp_path / ".env").write_text("LILYA_DEFAULT_APP=server:api\n")
    assert "│ /  " in lilya("show-urls", cwd=tmp_path).out
    assert "/other" in lilya("show-urls", cwd=tmp_path, env={"LILYA_DEFAULT_APP": "other:app"}).out
    named = lilya("--app", "other:app", "show-urls", cwd=tmp_path)
    assert "/other" in named.out, "--app beats the environment"


def test_another_folder_can_be_named(tmp_path: Path) -> None:
    files(tmp_path / "there", app=APP)
    assert lilya("--path", "there", "show-urls", cwd=tmp_path).code == 0


def test_settings_are_named_before_the_application_is_imported_and_the_environment_wins(tmp_path: Path) -> None:
    files(
        tmp_path,
        app="from lilya.apps import Lilya\nfrom lilya.routing import Path\nfrom lilya.conf import settings\n"
        "app = Lilya(routes=[Path('/' + settings.name, lambda: '')])",
        conf="from lilya.conf.global_settings import Settings\n"
        "class One(Settings):\n    name: str = 'one'\nclass Two(Settings):\n    name: str = 'two'",
    )
    code = "print(app.routes[0].path)"
    assert lilya("shell", "--settings", "conf.One", cwd=tmp_path, stdin=code).out == "/one\n"
    result = lilya(
        "shell", "--settings", "conf.One", cwd=tmp_path, stdin=code, env={"LILYA_SETTINGS_MODULE": "conf.Two"}
    )
    assert result.out == "/two\n"


def test_settings_that_are_not_there_are_told_in_one_line(tmp_path: Path) -> None:
    result = lilya("show-urls", "--settings", "nowhere.AppSettings", cwd=files(tmp_path, app=APP))
    assert result.code == 2, "it has no such option"
    env = {"LILYA_SETTINGS_MODULE": "nowhere.AppSettings"}
    result = lilya("show-urls", cwd=tmp_path, env=env)
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert "there is no module 'nowhere'" in result.err


def test_words_that_are_commands_do_not_change_what_another_command_does(tmp_path: Path) -> None:
    """The application was not loaded where a scaffold's name stood anywhere on the command line."""
    files(tmp_path, app=APP, ops__operations__createapp="raise SystemExit(5)")
    assert lilya("run", "createapp", cwd=tmp_path).code == 5


def test_the_shell_completes_commands(tmp_path: Path) -> None:
    env = {"_LILYA_COMPLETE": "bash_complete", "COMP_WORDS": "lilya run", "COMP_CWORD": "1"}
    assert "plain,runserver" in lilya(cwd=tmp_path, env=env).out
    assert "complete" in lilya(cwd=tmp_path, env={"_LILYA_COMPLETE": "bash_source"}).out
