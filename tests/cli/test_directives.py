"""Directives: found, run inside the lifespan, and their exit codes."""

from __future__ import annotations

import signal
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import click
import pytest

from lilya.cli._directives import directives_below, import_file, shown_directives
from lilya.cli._signature import command_of
from lilya.cli.base import BaseDirective
from lilya.cli.decorator import Argument, Option, directive
from lilya.cli.exceptions import DirectiveError
from tests.cli.driving import APP, files, lilya, serving

realtime = pytest.mark.realtime

HELLO = """
import sys
import anyio
from lilya.cli.base import BaseDirective
from lilya.cli.exceptions import DirectiveError

class Directive(BaseDirective):
    help = "Say hello."

    def add_arguments(self, parser):
        parser.add_argument("-n", "--name", default="you")
        parser.add_argument("--backend")
        parser.add_argument("args", nargs="*")

    async def handle(self, *args, **options):
        await anyio.sleep(0)
        if options["name"] == "fail":
            raise DirectiveError("it cannot be", returncode=7)
        if options["name"] == "bug":
            raise KeyError("a bug")
        if options["name"] == "exit":
            sys.exit(9)
        if options["name"] == "wait":
            print("waiting", flush=True)
            await anyio.sleep_forever()
        print(options["name"], args, options["backend"])
        return "[bold]done"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with directives of each kind."""
    return files(
        tmp_path,
        app=APP,
        shop__directives__operations__hello=HELLO,
        shop__directives__operations___helper="raise SystemExit",
        shop__directives__operations__sync="from lilya.cli.base import BaseDirective\nimport anyio.from_thread\n"
        "class Directive(BaseDirective):\n"
        "    def handle(self): anyio.from_thread.check_cancelled(); return 'in a thread'",
        shop__directives__operations__adduser="from lilya.cli.decorator import directive\n"
        "from lilya.context import g\n"
        "@directive(display_in_cli=True)\n"
        "async def create_user(name: str, admin: bool = False) -> str:\n"
        "    'Create a user.'\n"
        "    g.name = name\n"
        "    return f'{g.name} {admin}'",
        shop__directives__operations__broken="import nothing_of_this_name",
    )


@realtime
@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_a_directive_runs_between_start_and_stop_on_either_backend(project: Path, backend: str) -> None:
    result = lilya("run", "--backend", backend, "hello", "-n", "Ada", "x", "--backend", "its own", cwd=project)
    assert (result.code, result.err) == (0, "")
    assert result.out == "UP\nAda ('x',) its own\n[bold]done\nDOWN\n"


@realtime
@pytest.mark.parametrize(
    "words",
    [
        ["--app=app:app", "run", "--directive", "hello", "-n", "x"],
        ["--app", "app:app", "run", "--directive=hello", "-nx"],
        ["run", "--directive", "hello", "--name=x"],
    ],
)
def test_the_name_is_read_however_it_is_written(project: Path, words: list[str]) -> None:
    assert "x () None" in lilya(*words, cwd=project).out


@realtime
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["hello", "-n", "fail"], 7, "DirectiveError: it cannot be\n"),
        (["hello", "-n", "bug"], 1, "KeyError: 'a bug'\n"),
        (["hello", "-n", "exit"], 9, ""),
    ],
)
def test_a_failure_is_told_after_the_application_has_stopped(
    project: Path, words: list[str], code: int, said: str
) -> None:
    result = lilya("run", *words, cwd=project)
    assert (result.code, result.out) == (code, "UP\nDOWN\n")
    assert result.err.endswith(said)
    assert "lilya/cli" not in result.err


@realtime
@pytest.mark.parametrize(
    ("words", "code", "out", "err"),
    [
        (["--directive", "hello", "-h"], 0, "usage: lilya run --directive hello", ""),
        (["hello", "--bad"], 2, "", "unrecognized arguments: --bad"),
        (["adduser"], 2, "", "Missing argument 'NAME'"),
        (["--help"], 0, "Run a directive inside the lifespan", ""),
    ],
)
def test_help_and_bad_arguments_start_nothing(project: Path, words: list[str], code: int, out: str, err: str) -> None:
    result = lilya("run", *words, cwd=project)
    assert result.code == code
    assert "UP" not in result.out
    assert out in result.out
    assert err in result.err


@realtime
def test_a_sync_directive_runs_in_a_thread(project: Path) -> None:
    assert lilya("run", "sync", cwd=project).out == "UP\nin a thread\nDOWN\n"


@realtime
def test_an_unknown_directive_is_told_with_the_one_that_was_meant(project: Path) -> None:
    result = lilya("run", "helo", cwd=project)
    assert (result.code, result.out) == (1, "")
    assert result.err == "Error: Unknown directive: 'helo'\nHint:  Did you mean hello?\n"


@realtime
def test_a_tree_without_directives_has_no_unknown_one_that_crashes(tmp_path: Path) -> None:
    result = lilya("run", "hello", cwd=files(tmp_path, app=APP))
    assert result.code == 1
    assert "Unknown directive: 'hello'" in result.err
    assert "Traceback" not in result.err


@realtime
def test_a_directive_that_cannot_be_imported_shows_its_own_lines(project: Path) -> None:
    result = lilya("run", "broken", cwd=project)
    assert result.code == 1
    assert "broken.py" in result.err.splitlines()[1]
    assert "nothing_of_this_name" in result.err.splitlines()[-1]


@realtime
@pytest.mark.parametrize(
    ("text", "said"),
    [("", "neither a class Directive nor"), ("class Directive: ...", "no class derived from lilya.cli.base")],
)
def test_a_file_that_is_no_directive_says_what_is_missing(tmp_path: Path, text: str, said: str) -> None:
    files(tmp_path, app=APP, operations__it=text)
    result = lilya("run", "it", cwd=tmp_path)
    assert result.code == 1
    assert said in result.err
    assert "Traceback" not in result.err


@realtime
def test_a_function_is_a_directive_and_a_command_if_it_wants(project: Path) -> None:
    assert lilya("run", "adduser", "Ada", "--admin", cwd=project).out == "UP\nAda True\nDOWN\n"
    direct = lilya("create-user", "Ada", cwd=project, env={"LILYA_BACKEND": "asyncio"})
    assert direct.out == "UP\nAda False\nDOWN\n", "the lifespan runs around it in either form"
    shown = lilya("--help", cwd=project)
    assert "create-user" in shown.out
    assert "Custom directive" in shown.out, "and the file that cannot be imported was not: it was only read"


@realtime
def test_directives_are_listed_beside_the_commands_and_none_is_imported(project: Path) -> None:
    listed = lilya("directives", cwd=project)
    assert (listed.code, listed.err) == (0, "")
    application, native = listed.out.split("[application]")[1].split("[lilya]")
    assert [line.split()[0] for line in application.strip().splitlines()] == ["adduser", "broken", "hello", "sync"]
    for name in ("createapp", "createdeployment", "createproject", "runserver", "show_urls", "show-urls"):
        assert name in native
    assert "name" not in [line.strip() for line in listed.out.splitlines()]


@realtime
def test_directives_are_listed_without_an_application_too(tmp_path: Path) -> None:
    listed = lilya("directives", cwd=tmp_path)
    assert listed.code == 0
    assert "[application]" not in listed.out


@realtime
@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_a_signal_cancels_a_directive_and_stops_the_application(
    project: Path, tmp_path_factory: pytest.TempPathFactory, backend: str
) -> None:
    log = tmp_path_factory.mktemp("log") / "log.txt"
    with serving("run", "--backend", backend, "hello", "-n", "wait", cwd=project, log=log) as running:
        running.wait_for("waiting")
        assert running.stop(signal.SIGINT) == 130
        assert running.log() == "UP\nwaiting\nDOWN\n"


@realtime
def test_a_signal_ends_a_start_that_takes_too_long(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    slow = 'print("UP", flush=True)\n    import anyio\n    await anyio.sleep_forever()'
    files(project, app=APP.replace('print("UP", flush=True)', slow))
    log = tmp_path_factory.mktemp("log") / "log.txt"
    with serving("run", "hello", cwd=project, log=log) as running:
        running.wait_for("UP")
        assert running.stop() == 143
        assert "Traceback" not in running.log()


@realtime
def test_an_application_that_does_not_start_runs_no_directive(project: Path) -> None:
    files(project, app=APP.replace('print("UP", flush=True)', 'raise OSError("no database")'))
    result = lilya("run", "hello", cwd=project)
    assert result.code == 3
    assert "no database" in result.err.splitlines()[-1]
    assert "you ()" not in result.out


# -- what is found


def test_of_two_of_one_name_the_first_in_the_order_of_paths_is_taken(tmp_path: Path) -> None:
    files(tmp_path, b__operations__it="", a__operations__it="", a__operations__b="", _c__operations__other="")
    (tmp_path / ".hidden" / "operations").mkdir(parents=True)
    (tmp_path / ".hidden" / "operations" / "no.py").write_text("")
    found = directives_below(tmp_path)
    assert found["it"] == tmp_path / "a" / "operations" / "it.py"
    assert list(found) == ["b", "it", "other"]


def test_a_command_of_its_own_is_known_from_the_text_of_its_file(tmp_path: Path) -> None:
    files(
        tmp_path,
        operations__a="@directive(display_in_cli=True)\n@click.command('the-name')\ndef f(): ...",
        operations__b="@lilya.directive(display_in_cli=True)\n@command(name='other')\nasync def f(): ...",
        operations__c="@directive(display_in_cli=False)\ndef not_shown(): ...",
        operations__d="@directive\ndef not_shown_either(): display_in_cli = True",
        operations__e="display_in_cli def (",
    )
    assert list(shown_directives(tmp_path)) == ["the-name", "other"]


def test_a_file_is_the_module_that_others_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.syspath_prepend(tmp_path)
    files(tmp_path, project_x__operations__it="x = 1", email__it="y = 1")
    module = import_file(tmp_path / "project_x/operations/it.py", tmp_path)
    assert sys.modules["project_x.operations.it"] is module
    assert import_file(tmp_path / "project_x/operations/it.py", tmp_path) is module
    assert import_file(tmp_path / "email/it.py", tmp_path).__name__ == "lilya_directive_it"


# -- classes and functions


class Greet(BaseDirective):
    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("args")

    async def handle(self, *args: Any, **options: Any) -> Any:
        return f"hello {args} {options}"


async def test_a_directive_can_be_called_by_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert await Greet().run("a", b=1) == "hello ('a',) {'b': 1}"
    await Greet().execute_from_command(["lilya", "run", "--directive", "greet", "Ada"], "greet", position=4)
    assert capsys.readouterr().out == "hello ('a',) {'b': 1}\nhello ('Ada',) {}\n"
    assert Greet().get_version()


def parse(function: Any, *words: str) -> dict[str, Any]:
    context = command_of(function, "it").make_context("it", list(words))
    return context.params


class Colour(Enum):
    RED = "red"


def test_parameters_become_arguments_and_options() -> None:
    def it(
        name: str,
        count: Annotated[int, Option("-c", help="How many.")],
        path: Annotated[Path, Argument()] = Path("x"),
        kind: Literal["a", "b"] = "a",
        tags: list[int] | None = None,
        loud: bool = True,
        colour: Colour = Colour.RED,
        *,
        limit: float | None = None,
    ) -> None: ...

    given = parse(
        it, "Ada", "-c", "3", "--kind", "b", "--no-loud", "--limit", "1.5", "p/q", "--tags", "4", "--tags", "5"
    )
    assert given == {
        "name": "Ada",
        "count": 3,
        "path": Path("p/q"),
        "kind": "b",
        "tags": [4, 5],
        "loud": False,
        "colour": Colour.RED,
        "limit": 1.5,
    }
    assert parse(it, "Ada", "--count", "1")["loud"] is True


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda **options: None, "has nothing for the parameter"),
        (lambda *names: None, "as a list"),
    ],
)
def test_a_parameter_no_command_line_can_fill_is_an_error(function: Any, said: str) -> None:
    with pytest.raises(DirectiveError, match=said):
        command_of(function, "it")


def test_a_union_cannot_be_read() -> None:
    def it(value: int | list[str]) -> None: ...

    with pytest.raises(DirectiveError, match="no command line can be read as"):
        command_of(it, "it")


def test_the_decorator_marks_and_changes_nothing() -> None:
    @directive
    def one() -> int:
        return 1

    @directive(display_in_cli=True)
    @click.command()
    def two() -> None: ...

    assert one() == 1
    assert vars(one)["__is_custom_directive__"] is True
    assert vars(two)["__display_in_cli__"] is True
