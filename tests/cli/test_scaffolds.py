"""What the scaffolds make: its files, that it starts, that its tests pass, and what is refused."""

from __future__ import annotations

import os
import re
import subprocess
import venv
from pathlib import Path

import pytest

from lilya.servers._life import END_SECONDS, UNWIND_SECONDS
from lilya.servers._served import FAREWELL_SECONDS
from tests.cli.driving import ROOT, environment, files, get, lilya, python, serving

pytestmark = pytest.mark.realtime

TOP = {".gitignore", "Makefile", "README.md", "Taskfile.yaml", "pyproject.toml"} | {
    f"requirements/{name}.txt" for name in ("base", "testing", "development")
}
SIMPLE = {"__init__.py", "app.py", "tests/__init__.py", "tests/conftest.py", "tests/test_app.py"}
STRUCTURED = {
    *(
        "__init__.py",
        "main.py",
        "serve.py",
        "urls.py",
        "apps/__init__.py",
        "configs/__init__.py",
        "configs/settings.py",
    ),
    *(f"configs/{kind}/{name}.py" for kind in ("development", "testing") for name in ("__init__", "settings")),
    *("tests/__init__.py", "tests/conftest.py", "tests/test_app.py"),
}
APP = {
    *("__init__.py", "tests.py", "directives/__init__.py", "directives/operations/__init__.py"),
    *(f"v1/{name}.py" for name in ("__init__", "controllers", "schemas", "urls")),
}
DEPLOYMENT = {
    *("docker/Dockerfile", "gunicorn/gunicorn_conf.py", "nginx/nginx.conf", "nginx/nginx.json-logging.conf"),
    "supervisor/supervisord.conf",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of each kind, with an app in the structured one."""
    folder = tmp_path_factory.mktemp("made")
    result = lilya("createproject", "plain_one", "--with-deployment", cwd=folder)
    assert (result.code, result.err) == (0, "")
    assert result.out == "Project plain_one generated successfully!\n"
    words = ["--with-structure", "--with-deployment", "--deployment-folder-name", "deploy", "-v", "2"]
    result = lilya("createproject", "big_one", *words, cwd=folder)
    assert result.code == 0
    assert f"Creating {Path('big_one/big_one/main.py')}\n" in result.out
    result = lilya("createapp", "shop", "--location", "big_one/big_one/apps", cwd=folder)
    assert (result.code, result.out) == (0, "App shop generated successfully!\n")
    return folder


def below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_files_are_the_documented_ones(made: Path) -> None:
    deployment = DEPLOYMENT | {"systemd/plain_one.service"}
    expected = TOP | {f"plain_one/{name}" for name in SIMPLE} | {f"deployment/{name}" for name in deployment}
    assert below(made / "plain_one") == expected
    big = below(made / "big_one")
    deployment = DEPLOYMENT | {"systemd/big_one.service"}
    assert {name for name in big if not name.startswith("big_one/apps/shop")} == (
        TOP | {f"big_one/{name}" for name in STRUCTURED} | {f"deploy/{name}" for name in deployment}
    )
    assert below(made / "big_one/big_one/apps/shop") == APP


def test_they_say_what_is_asserted_of_them(made: Path) -> None:
    for project in ("plain_one", "big_one"):
        assert (made / project / "Makefile").read_text().startswith(".DEFAULT_GOAL := help\n")
        assert (made / project / ".gitignore").read_text().startswith("# Byte-compiled / optimized / DLL files\n")
    assert (made / "big_one/big_one/urls.py").read_text().startswith('"""big_one Routes Configuration')
    assert "__name__" in (made / "plain_one/plain_one/app.py").read_text()
    secret = re.search(r'secret_key: str = "(.*)"', (made / "big_one/big_one/configs/settings.py").read_text())
    assert secret is not None
    assert re.fullmatch(r"lilya-insecure-[a-z0-9!@#$%^&*()\-_=+]{50}", secret[1])
    for path in made.rglob("*"):
        assert path.is_dir() or "@@" not in path.read_text(), f"{path}: something was not put in"


@pytest.mark.parametrize("project", ["plain_one", "big_one"])
def test_its_tests_pass_on_both_backends(made: Path, project: str) -> None:
    env = (
        {"LILYA_SETTINGS_MODULE": "big_one.configs.testing.settings.TestingAppSettings"} if project == "big_one" else {}
    )
    result = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", cwd=made / project, env=env)
    assert result.code == 0, result.out
    assert " passed" in result.out


def test_no_tool_has_anything_to_say(made: Path, tmp_path: Path) -> None:
    pytest.importorskip("ruff")
    pytest.importorskip("mypy")
    for project in ("plain_one", "big_one"):
        for words in (["ruff", "check", "--no-cache", "."], ["ruff", "format", "--no-cache", "--check", "."]):
            result = python("-m", *words, cwd=made / project)
            assert result.code == 0, result.out
    # Together, so that Lilya is read once.
    words = ["--strict", "--cache-dir", str(tmp_path), "plain_one/plain_one", "big_one/big_one", "plain_one/deployment"]
    result = python("-m", "mypy", "--explicit-package-bases", *words, cwd=made, env={"MYPYPATH": "plain_one:big_one"})
    assert result.code == 0, result.out


@pytest.mark.parametrize(("project", "path"), [("plain_one", "/ada"), ("big_one", "/health")])
def test_it_starts_answers_and_stops(made: Path, tmp_path: Path, project: str, path: str) -> None:
    with serving("runserver", "--port", "0", cwd=made / project, log=tmp_path / "log") as it:
        assert get(it.url + path)[0] == 200
        assert it.stop() == 0
    assert lilya("show_urls", cwd=made / project).code == 0


def test_make_run_starts_it_too(made: Path, tmp_path: Path) -> None:
    env = {
        "LILYA_SETTINGS_MODULE": "big_one.configs.development.settings.DevelopmentAppSettings",
        "PORT": "0",
        "HOST": "127.0.0.1",
    }
    with serving(cwd=made / "big_one", log=tmp_path / "log", env=env, module="big_one.serve") as it:
        assert get(it.url + "/health")[0] == 200
        assert it.stop() == 0
        assert "debug        on" in it.log(), "the settings' debug is the application's"
        assert "settings     big_one.configs.development.settings.DevelopmentAppSettings" in it.log()


def test_settings_of_an_environment_are_its_own(made: Path) -> None:
    code = (
        "from big_one.configs.development.settings import DevelopmentAppSettings as D\n"
        "from big_one.configs.testing.settings import TestingAppSettings as T\n"
        "from big_one.configs.settings import AppSettings as A\n"
        "print(*[f'{each().environment} {each().debug}' for each in (A, D, T)], A().app_name)"
    )
    assert python("-c", code, cwd=made / "big_one").out == ("production False development True testing True big_one\n")


def test_a_directive_of_a_made_app_runs(made: Path) -> None:
    directive = (
        "from lilya.cli.base import BaseDirective\nclass Directive(BaseDirective):\n    def handle(self): return 'made'"
    )
    files(made / "big_one/big_one/apps/shop/directives/operations", createsuperuser=directive)
    try:
        assert "createsuperuser" in lilya("directives", cwd=made / "big_one").out
        assert lilya("run", "--directive", "createsuperuser", cwd=made / "big_one").out == "made\n"
    finally:
        (made / "big_one/big_one/apps/shop/directives/operations/createsuperuser.py").unlink()


def test_make_lists_its_targets(made: Path) -> None:
    listed = subprocess.run(["make"], cwd=made / "big_one", capture_output=True, text=True, check=True).stdout
    assert {line.split()[0] for line in listed.splitlines()} >= {
        *("help", "clean", "clean_pyc", "clean_pycache", "run", "requirements", "test")
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["createproject", "there"], "there already exists."),
        (["createproject", "new_one", "there"], "there already exists."),
        (["createproject", "json"], "conflicts with the name of a Python module"),
        (["createapp", "my-app"], "did you mean 'my_app'?"),
        (["createapp", "class"], "is not a valid app name"),
        (["createapp", "new_one", "--version", "1.0"], "is not a valid version"),
        (["createproject", "new_one", "--location", "nowhere"], "nowhere is no folder"),
        (["createdeployment", "new_one", "--deployment-folder-name", "there"], "there already exists."),
        (["createdeployment", "a b"], "cannot be the name of a project"),
    ],
)
def test_a_refusal_is_no_success_and_makes_nothing(tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "there").mkdir()
    result = lilya(*words, cwd=tmp_path)
    assert (result.code, result.out) == (1, "")
    assert said in result.err
    assert "Traceback" not in result.err
    assert list(tmp_path.rglob("*")) == [tmp_path / "there"]


def test_several_are_made_where_they_are_wanted_and_broken_projects_do_not_matter(tmp_path: Path) -> None:
    files(tmp_path, app="raise SystemExit('this is not loaded')")
    (tmp_path / "there").mkdir()
    assert lilya("createapp", "one", "two", "--version", "v10", "--location", "there", cwd=tmp_path).code == 0
    assert (tmp_path / "there/two/v10/urls.py").is_file()


def test_a_deployment_starts_the_application_that_is_there(made: Path, tmp_path: Path) -> None:
    for folder, name, app in [
        (made / "plain_one", "plain_one", "plain_one.app:app"),
        (tmp_path, "x-y", "x-y.main:app"),
    ]:
        target = "here" if folder == made / "plain_one" else "deployment"
        result = lilya("createdeployment", name, "--deployment-folder-name", target, cwd=folder)
        assert (result.code, result.out) == (0, f"Deployment for {name} generated successfully!\n")
        for file in ("docker/Dockerfile", f"systemd/{name}.service", "supervisor/supervisord.conf"):
            assert app in (folder / target / file).read_text()
    assert "big_one.configs.settings.AppSettings" in (made / "big_one/deploy/docker/Dockerfile").read_text()


def test_who_waits_for_a_stop_waits_longer_than_a_stop_can_take(made: Path) -> None:
    """A linger of 0.1 s, the drain, the farewell, the clean-up, the server's end, and a lifespan's 60 s."""
    folder = made / "plain_one/deployment"
    texts = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}
    drains = [float(found) for text in texts.values() for found in re.findall(r"--drain-timeout\"?,? \"?(\d+)", text)]
    assert len(drains) == 3
    longest = 0.1 + max(drains) + FAREWELL_SECONDS + UNWIND_SECONDS + END_SECONDS + 60
    waits = {
        "docker/Dockerfile": r"--stop-timeout (\d+)",
        "supervisor/supervisord.conf": r"stopwaitsecs = (\d+)",
        "systemd/plain_one.service": r"TimeoutStopSec=(\d+)",
        "nginx/nginx.conf": r"worker_shutdown_timeout (\d+)s",
    }
    for file, pattern in waits.items():
        for seconds in re.findall(pattern, texts[file]) or ["0"]:
            assert float(seconds) > longest, file
    assert "\nUSER lilya\n" in texts["docker/Dockerfile"]
    assert "proxy_buffering off;" in texts["nginx/nginx.conf"]
    assert "proxy_set_header Upgrade $http_upgrade;" in texts["nginx/nginx.conf"]
    assert texts["nginx/nginx.conf"].count("{") == texts["nginx/nginx.conf"].count("}")
    assert texts["nginx/nginx.conf"].startswith("user www-data;\n")


@pytest.mark.skipif(not os.environ.get("LILYA_FRESH"), reason="makes a virtual environment: set LILYA_FRESH=1")
@pytest.mark.timeout(300)  # half a minute of downloads and installations on a quiet machine
def test_it_works_from_a_wheel_in_a_fresh_environment(tmp_path: Path) -> None:
    fresh = tmp_path / "venv"
    venv.create(fresh, with_pip=True)
    scripts = fresh / "bin"

    def run(*command: str, cwd: Path = tmp_path) -> str:
        env = {name: value for name, value in environment().items() if name != "PYTHONPATH"}
        env["PATH"] = f"{scripts}{os.pathsep}{env['PATH']}"
        done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(str(scripts / "python"), "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT))
    (wheel,) = tmp_path.glob("lilya-*.whl")
    run(str(scripts / "python"), "-m", "pip", "install", "-q", f"{wheel}[server,cli,reload,testing]", "mypy", "ruff")
    for name, *words in (["fresh_plain"], ["fresh_big", "--with-structure"]):
        run("lilya", "createproject", name, "--with-deployment", *words)
        project = tmp_path / name
        run("make", "test", cwd=project)
        run("make", "check", cwd=project)
        assert "/health" in run("lilya", "show-urls", cwd=project)
