"""Values from the environment: where they come from, which of them win, what they are made, and what is refused."""

from __future__ import annotations

import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lilya.environments import EnvironLoader
from lilya.exceptions import EnvError, MissingDependency


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str, name: str = ".env") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("A", "NONE", "PORT", "APP_PORT", "LATER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("SHARED", "process")


# -- asking -----------------------------------------------------------------------------------------------------------


def test_a_value_is_its_own_else_the_process_s_else_the_default() -> None:
    env = EnvironLoader({"SHARED": "own", "OWN": "1"})
    assert (env("OWN"), env("SHARED"), env("HOME"), env("NONE", default="d")) == ("1", "own", "/home/ada", "d")
    assert env.env("OWN", cast=int) == 1


def test_a_value_that_is_nowhere_is_a_key_error_that_names_it() -> None:
    with pytest.raises(KeyError, match="'APP_PORT' is not in the environment, and there is no default"):
        EnvironLoader(prefix="APP_")("PORT")


@pytest.mark.parametrize("word", ["true", "1", "y", "yes", "on", "TRUE", "Yes"])
def test_words_that_are_true(word: str) -> None:
    assert EnvironLoader({"A": word})("A", bool) is True


@pytest.mark.parametrize("word", ["false", "0", "n", "no", "off", "FALSE", " No "])
def test_words_that_are_false(word: str) -> None:
    assert EnvironLoader({"A": word})("A", bool) is False


@pytest.mark.parametrize(
    ("value", "cast", "complaint"),
    [
        ("maybe", bool, "'A' has the value 'maybe', no bool: write true or false."),
        ("", bool, "no bool"),
        ("x", int, "'A' has the value 'x', no int: invalid literal"),
        ("x", Decimal, "no Decimal"),
        ("x", lambda value: value + 1, "no <lambda>: can only concatenate"),
    ],
)
def test_a_value_its_cast_does_not_take_is_a_value_error_that_names_both(value: str, cast: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        EnvironLoader({"A": value})("A", cast)


def test_a_default_is_cast_unless_it_is_none() -> None:
    env = EnvironLoader()
    assert env("PORT", int, "8000") == 8000
    assert env("DEBUG", bool, False) is False
    assert env("PORT", int, None) is None


def test_a_prefix_stands_before_what_is_asked_for_by_a_call() -> None:
    env = EnvironLoader({"APP_PORT": "1", "PORT": "2"}, prefix="APP_")
    assert (env("PORT"), env["PORT"]) == ("1", "2")


def test_case_counts_unless_it_is_ignored() -> None:
    assert EnvironLoader({"Port": "1"})("PORT", default=None) is None
    env = EnvironLoader({"Port": "1"}, ignore_case=True)
    assert (env("PORT"), env["port"], "pORT" in env, env("home"), env("none", default=None)) == (
        *("1", "1", True, "/home/ada"),
        None,
    )
    env["PORTS"] = "2"
    assert dict(env) == {"Port": "1", "PORTS": "2"}


# -- a mapping --------------------------------------------------------------------------------------------------------


def test_as_a_mapping_it_holds_its_own_values() -> None:
    env = EnvironLoader({"A": "1"})
    env["B"] = "2"
    del env["A"]
    env["B"] = "3"
    assert (len(env), list(env), "B" in env, "HOME" in env, object() in env) == (1, ["B"], True, False, False)
    assert env.export() == {"B": "3"}
    assert env.multi_items() == env.get_multi_items() == [("B", "3")]
    assert repr(env) == "EnvironLoader(1 values)"
    with pytest.raises(KeyError):
        env["HOME"]


@pytest.mark.parametrize("read", [lambda env: env("A"), lambda env: env["A"], lambda env: env.get("A")])
def test_what_was_read_cannot_be_changed(read: Callable[[EnvironLoader], Any]) -> None:
    env = EnvironLoader({"A": "1"})
    read(env)
    with pytest.raises(EnvError, match="Attempting to set 'A', but the value has already been read"):
        env["A"] = "2"
    with pytest.raises(EnvError, match="Attempting to delete 'A', but the value has already been read"):
        del env["A"]


def test_what_is_not_there_cannot_be_deleted() -> None:
    with pytest.raises(EnvError) as error:
        del EnvironLoader()["X"]
    assert str(error.value) == "Attempting to delete 'X'. Value does not exist."


def test_what_is_only_looked_over_does_not_count_as_read() -> None:
    env = EnvironLoader({"A": "1"})
    assert env.export() == dict(env.multi_items())
    assert "A" in env
    env["A"] = "2"


# -- env files --------------------------------------------------------------------------------------------------------


def load(write: Write, text: str, **options: Any) -> dict[str, Any]:
    return EnvironLoader(env_file=write(text), **options).export()


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("A=1", "A", "1"),
        ("  A = 1 ", "A", "1"),
        ("export A=1", "A", "1"),
        ("A=", "A", ""),
        ("A=b=c", "A", "b=c"),
        ('A="two words"', "A", "two words"),
        ("A='two words'", "A", "two words"),
        ("A='\"'", "A", '"'),
        ('A="', "A", '"'),
        ("A='a\"", "A", "'a\""),
        ("A=a # b", "A", "a # b"),
        ("\ufeffA=ü", "A", "ü"),
        ("a.b=1", "a.b", "1"),
    ],
)
def test_a_line_is_a_key_and_a_value(write: Write, line: str, key: str, value: str) -> None:
    assert load(write, line) == {key: value}


def test_comments_and_empty_lines_are_passed_over_and_the_last_of_a_key_wins(write: Write) -> None:
    assert load(write, "# a comment\n\n  # another\nA=1\r\nno value\nA=2\n") == {"A": "2"}


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ("$HOME/x", "/home/ada/x"),
        ("${HOME}x", "/home/adax"),
        ('"$HOME"', "/home/ada"),
        ("'$HOME'", "$HOME"),
        ("$FIRST", "1"),
        ("$GIVEN", "given"),
        ("$SHARED", "file"),
        ("${NONE|default}", "default"),
        ("${NONE|}", ""),
        ("${HOME|default}", "/home/ada"),
        ("$$HOME", "$HOME"),
        ("pa$$word", "pa$word"),
        ("5$", "5$"),
        ("$NONE", "$NONE"),
        ("$LATER", "$LATER"),
    ],
)
def test_names_stand_for_what_is_known_by_then(write: Write, value: str, resolved: str) -> None:
    text = f"FIRST=1\nSHARED=file\nA={value}\nLATER=2\n"
    assert load(write, text, environ={"GIVEN": "given"})["A"] == resolved


def test_a_name_may_be_made_of_itself(write: Write) -> None:
    assert load(write, "HOME=$HOME/sub")["HOME"] == "/home/ada/sub"


def test_the_file_goes_over_the_mapping_it_is_given_with(write: Write) -> None:
    env = EnvironLoader({"A": "mapping", "B": "mapping"}, env_file=write("A=file"))
    assert env.export() == {"A": "file", "B": "mapping"}


@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_may_come_first(write: Write, kind: Any) -> None:
    file = kind(write("A=1"))
    assert EnvironLoader(file).export() == {"A": "1"}
    # The order of earlier releases: file, mapping, prefix, case.
    old = EnvironLoader(file, {"app_b": "2"}, "APP_", True)
    assert (old.export(), old("B")) == ({"app_b": "2", "A": "1"}, "2")
    assert EnvironLoader(None, {"B": "2"}).export() == {"B": "2"}


def test_two_files_or_two_mappings_are_refused() -> None:
    with pytest.raises(TypeError, match="got a second file: 'b'"):
        EnvironLoader("a", env_file="b")
    with pytest.raises(TypeError, match="got a second mapping"):
        EnvironLoader({}, {})


def test_a_file_that_is_not_there_is_warned_of_where_it_was_asked_for(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.warns(UserWarning, match=r"EnvironLoader file '.*missing' not found\.") as warned:
        assert EnvironLoader(env_file=missing).export() == {}
    assert warned[0].filename == __file__


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, write: Write) -> None:
    with pytest.raises(EnvError, match="cannot be read"):
        EnvironLoader(env_file=tmp_path)
    file = write("")
    file.write_bytes(b"A=\xff")
    with pytest.raises(EnvError, match="cannot be read: 'utf-8' codec"):
        EnvironLoader(env_file=file)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("A=1\n\nA=2", r":3: 'A' is there twice\."),
        ("A=$NONE", r":1: \$NONE stands for nothing; give a default as \$\{NONE\|default\}\."),
        ("no value", ":1: wanted KEY=value, got 'no value'"),
    ],
)
def test_strictness_finds_what_is_probably_wrong_and_says_where(write: Write, text: str, complaint: str) -> None:
    with pytest.raises(EnvError, match=complaint):
        load(write, text, strict=True)
    assert load(write, "A=${NONE|x}\nB=$A", strict=True) == {"A": "x", "B": "x"}


# -- several sources --------------------------------------------------------------------------------------------------


def test_each_source_goes_over_those_before_it(write: Write) -> None:
    pytest.importorskip("yaml")
    sources = ["initial", "process", "file", "yaml", "override"]

    def values(name: str) -> dict[str, str]:
        return {f"K{number}": name for number in range(sources.index(name), 5)}

    env = EnvironLoader(values("initial"))
    with pytest.MonkeyPatch.context() as patch:
        for key, value in values("process").items():
            patch.setenv(key, value)
        found = env.load_all(
            env_file=write("\n".join(f"{key}={value}" for key, value in values("file").items())),
            yaml_file=write("\n".join(f"{key}: {value}" for key, value in values("yaml").items()), "c.yaml"),
            overrides=values("override"),
        )
    assert [found[f"K{number}"] for number in range(5)] == sources


def test_the_process_may_be_left_out() -> None:
    env = EnvironLoader({"SHARED": "own"})
    assert env.load_all(include_os_env=False, overrides={"A": 1}) == {"SHARED": "own", "A": 1}
    assert {"SHARED": "process", "HOME": "/home/ada", "A": 1}.items() <= env.load_all().items()


def test_files_are_strict_unless_it_is_said_otherwise(write: Write) -> None:
    env = EnvironLoader()
    file = write("A=1\nA=2\nB=$NONE")
    with pytest.raises(EnvError, match="twice"):
        env.load_from_files(env_file=file)
    assert env.export() == {}
    env.load_from_files(env_file=file, strict=False, include_os_env=False)
    assert env.export() == {"A": "2", "B": "$NONE"}


YAML = """
name: demo
port: 8000
debug: true
empty:
servers:
  - host: a
    home: $HOME
  - host: ${NONE|b}
    price: 5$$
"""


def test_yaml_becomes_flat_text(write: Write) -> None:
    pytest.importorskip("yaml")
    env = EnvironLoader()
    env.load_from_files(yaml_file=write(YAML), include_os_env=False)
    assert env.export() == {
        "name": "demo",
        "port": "8000",
        "debug": "True",
        "empty": "",
        "servers.0.host": "a",
        "servers.0.home": "/home/ada",
        "servers.1.host": "b",
        "servers.1.price": "5$",
    }
    assert env("debug", bool) is True


def test_yaml_may_keep_its_values(write: Write) -> None:
    pytest.importorskip("yaml")
    found = EnvironLoader().load_all(yaml_file=write(YAML), include_os_env=False, flatten=False)
    assert (found["port"], found["debug"], found["empty"]) == (8000, True, None)
    assert found["servers"][1] == {"host": "b", "price": "5$"}


def test_yaml_knows_the_names_of_the_env_file(write: Write) -> None:
    pytest.importorskip("yaml")
    files = {"env_file": write("A=1"), "yaml_file": write("b: $A", "c.yaml")}
    assert EnvironLoader().load_all(**files, include_os_env=False) == {"A": "1", "b": "1"}


@pytest.mark.parametrize("text", ["", "# nothing\n"])
def test_a_yaml_file_may_be_empty_or_not_there(write: Write, tmp_path: Path, text: str) -> None:
    pytest.importorskip("yaml")
    assert EnvironLoader().load_all(yaml_file=write(text), include_os_env=False) == {}
    with pytest.warns(UserWarning, match="not found"):
        EnvironLoader().load_from_files(yaml_file=tmp_path / "missing")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: [", "while parsing"),
        ("- a", "wanted a mapping of names and values, got a list"),
        ("a: 1\nb:\n  - c: 1\n    c: 2\n", r":4: 'c' is there twice\."),
        ("a: $NONE", r"\$NONE stands for nothing"),
    ],
)
def test_yaml_that_is_wrong_is_an_error_that_says_where(write: Write, text: str, complaint: str) -> None:
    pytest.importorskip("yaml")
    with pytest.raises(EnvError, match=complaint):
        EnvironLoader().load_from_files(yaml_file=write(text))


def test_yaml_may_repeat_keys_where_it_is_not_strict_and_anchors_where_it_is(write: Write) -> None:
    pytest.importorskip("yaml")
    twice = write("a: 1\na: 2")
    assert EnvironLoader().load_all(yaml_file=twice, strict=False, include_os_env=False) == {"a": "2"}
    anchored = write("a: &x {b: 1}\nc: *x\n[1, 2]: d\n3: e\n")
    with pytest.raises(EnvError, match="unhashable"):
        EnvironLoader().load_from_files(yaml_file=anchored)
    anchored = write("a: &x {b: 1}\nc: *x\n3: e\n")
    assert EnvironLoader().load_all(yaml_file=anchored, include_os_env=False) == {"a.b": "1", "c.b": "1", "3": "e"}


def test_yaml_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch, write: Write) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(MissingDependency, match=r"pip install PyYAML"):
        EnvironLoader().load_from_files(yaml_file=write("a: 1"))
