"""The serializer in use, and how it is replaced."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from datetime import date
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lilya.encoders import Encoder, json_bytes, json_encode
from lilya.exceptions import ImproperlyConfigured, MissingDependency
from lilya.serializers import (
    CompactSerializer,
    MsgspecSerializerConfig,
    SerializerConfig,
    SerializerProtocol,
    StandardSerializerConfig,
    serializer,
    setup_serializer,
)


class Shouting(CompactSerializer):
    """Writes bytes, and what nobody else would."""

    def dumps(self, value: Any, /, **options: Any) -> bytes:
        return json.dumps(value, default=options["default"]).upper().encode()


class ShoutingConfig(SerializerConfig):
    configured = False

    def configure(self) -> None:
        self.configured = True

    def get_serializer(self) -> Shouting:
        assert self.configured
        return Shouting()


@pytest.fixture
def standard_afterwards() -> Iterator[None]:
    yield
    setup_serializer()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_what_was_dumped_is_loaded(value: Any) -> None:
    assert serializer.loads(serializer.dumps(value)) == value


def test_the_standard_text_is_compact_and_keeps_non_ascii_characters() -> None:
    assert serializer.dumps({"a": ["Ü", None]}) == '{"a":["Ü",null]}'
    assert serializer.dump_bytes({"a": ["Ü", None]}) == '{"a":["Ü",null]}'.encode()


def test_options_of_a_call_go_before_the_standard_ones() -> None:
    assert serializer.dumps({"b": 1, "a": {2}}, default=list, sort_keys=True) == '{"a":[2],"b":1}'
    assert serializer.dumps(["Ü"], ensure_ascii=True) == '["\\u00dc"]'
    assert serializer.loads("1.5", parse_float=str) == "1.5"


def test_files_are_written_and_read() -> None:
    file = io.StringIO()
    serializer.dump({"a": {1}}, file, default=list)
    assert file.getvalue() == '{"a":[1]}'
    file.seek(0)
    assert serializer.load(file) == {"a": [1]}
    assert serializer.load(io.BytesIO(b"[1]")) == [1]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_json_number_is_not_written(number: float) -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        serializer.dumps(number)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a":-Infinity}'])
def test_what_is_no_json_number_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match="is no JSON number"):
        serializer.loads(text)


@pytest.mark.parametrize(
    "data", [b'{"a":"\xc3\x9c"}', bytearray(b'\xef\xbb\xbf{"a":"\xc3\x9c"}'), memoryview(b'{"a":"\xc3\x9c"}')]
)
def test_bytes_are_read_as_utf_8_with_or_without_a_mark(data: Any) -> None:
    assert serializer.loads(data) == {"a": "Ü"}


@pytest.mark.parametrize(
    "data", [b"", b"{", b"{'a':1}", b'"\xff"', '"a"'.encode("utf-16"), b"1" * 5000, b"[" * 200_000]
)
def test_what_is_no_json_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        serializer.loads(data)


def test_what_is_no_text_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        serializer.loads(5)  # type: ignore[arg-type]


def test_the_serializer_satisfies_its_protocol() -> None:
    assert isinstance(serializer, SerializerProtocol)
    assert isinstance(CompactSerializer(), SerializerProtocol)


@pytest.mark.usefixtures("standard_afterwards")
def test_what_is_installed_writes_from_then_on_for_everybody() -> None:
    dumps = serializer.dumps
    setup_serializer(ShoutingConfig())
    assert dumps("a", default=None) == '"A"'
    assert serializer.dump_bytes("a", default=None) == b'"A"'
    assert json_bytes({"a": date(2024, 2, 29)}) == b'{"A": "2024-02-29"}'
    assert json_encode({"a": {"x"}}) == {"A": ["X"]}
    setup_serializer()
    assert json_bytes({"a": 1}) == b'{"a":1}'


@pytest.mark.usefixtures("standard_afterwards")
def test_what_is_installed_has_the_encoders_of_one_call_behind_it() -> None:
    class Loud(Encoder):
        __type__ = date

        def serialize(self, obj: date) -> str:
            return "today"

    setup_serializer(ShoutingConfig())
    assert json_bytes([date(2024, 2, 29)], with_encoders=[Loud]) == b'["TODAY"]'


@pytest.mark.usefixtures("standard_afterwards")
def test_what_is_installed_goes_by_its_own_rules_but_raises_only_value_errors() -> None:
    setup_serializer(ShoutingConfig())
    assert json_bytes(float("nan")) == b"NAN"
    with pytest.raises(ValueError, match=r"^Object of type 'object' is not JSON serializable\.$"):
        json_bytes([float("nan"), object()])
    with pytest.raises(ValueError, match=r"^keys must be str") as caught:
        json_bytes({date(2024, 2, 29): 1})
    assert isinstance(caught.value.__cause__, TypeError)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="nested too deeply"):
        json_bytes(deep)


@pytest.mark.usefixtures("standard_afterwards")
def test_options_of_the_standard_config_are_those_of_json() -> None:
    setup_serializer(StandardSerializerConfig(indent=1, sort_keys=True, separators=(",", ": ")))
    assert json_bytes({"b": {1}, "a": 1}) == b'{\n "a": 1,\n "b": [\n  1\n ]\n}'
    assert serializer.dumps([1]) == "[\n 1\n]"


def test_unknown_options_fail_when_they_are_given() -> None:
    with pytest.raises(TypeError, match="indnt"):
        setup_serializer(StandardSerializerConfig(indnt=1))
    assert serializer.dumps([1]) == "[1]"


@pytest.mark.parametrize("wrong", [CompactSerializer(), "orjson", json, object()])
def test_what_is_no_config_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="`serializer_config` must be a SerializerConfig") as caught:
        setup_serializer(wrong)
    assert isinstance(caught.value, ImproperlyConfigured)


def test_a_class_in_place_of_a_config_is_told_to_be_called() -> None:
    with pytest.raises(ValueError, match=r"Did you mean `StandardSerializerConfig\(\)`\?"):
        setup_serializer(StandardSerializerConfig)  # type: ignore[arg-type]


def test_a_config_that_makes_no_serializer_is_refused() -> None:
    class Broken(SerializerConfig):
        def get_serializer(self) -> Any:
            return ModuleType("orjson")

    with pytest.raises(ImproperlyConfigured, match=r"Broken.get_serializer\(\) must return an object with dump, dumps"):
        setup_serializer(Broken())
    assert serializer.dumps([1]) == "[1]"


def test_a_missing_msgspec_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "msgspec.json", None)
    with pytest.raises(MissingDependency, match=r"pip install msgspec"):
        setup_serializer(MsgspecSerializerConfig())


@pytest.mark.usefixtures("standard_afterwards")
def test_msgspec_writes_and_reads_with_the_encoders_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "msgspec.json", FakeMsgspecJson("msgspec.json"))
    setup_serializer(MsgspecSerializerConfig())
    assert json_bytes({"a": complex}, with_encoders=[ClassEncoder]) == b'{"a": "complex"}'
    assert json_encode([date(2024, 2, 29)]) == ["2024-02-29"]
    with pytest.raises(ValueError, match="nested too deeply"):
        serializer.loads("[" * 200_000)


@pytest.mark.usefixtures("standard_afterwards")
def test_the_real_msgspec_does_too() -> None:
    pytest.importorskip("msgspec")
    setup_serializer(MsgspecSerializerConfig())
    assert json_bytes({"a": complex, "b": "Ü"}, with_encoders=[ClassEncoder]) == '{"a":"complex","b":"Ü"}'.encode()
    assert json_bytes(float("nan")) == b"null"
    assert serializer.dumps({"a": 1}) == '{"a":1}'
    assert serializer.loads(b"[1]") == [1]
    with pytest.raises(ValueError, match=r"Object of type 'object' is not JSON serializable\."):
        json_bytes([object()])
    for wrong in ("{", "[" * 200_000, b'"\xff"'):
        with pytest.raises(ValueError, match=r".+"):
            serializer.loads(wrong)


@pytest.mark.usefixtures("standard_afterwards")
def test_orjson_is_put_in_as_documented() -> None:
    orjson = pytest.importorskip("orjson")

    class OrjsonSerializer(CompactSerializer):
        def dumps(self, value: Any, /, **options: Any) -> bytes:
            written: bytes = orjson.dumps(value, default=options.get("default"))
            return written

        def loads(self, value: Any, /, **options: Any) -> Any:
            return orjson.loads(value)

    class OrjsonConfig(SerializerConfig):
        def get_serializer(self) -> OrjsonSerializer:
            return OrjsonSerializer()

    setup_serializer(OrjsonConfig())
    assert json_encode({"a": {1}, "b": complex}, with_encoders=[ClassEncoder]) == {"a": [1], "b": "complex"}
    with pytest.raises(ValueError, match="not JSON serializable"):
        json_bytes([object()])


class ClassEncoder(Encoder):
    __type__ = type

    def serialize(self, obj: type) -> str:
        return obj.__name__


class FakeMsgspecJson(ModuleType):
    """The two functions of `msgspec.json`, made of the standard library."""

    @staticmethod
    def encode(value: Any, *, enc_hook: Any) -> bytes:
        return json.dumps(value, default=enc_hook).encode()

    @staticmethod
    def decode(value: Any) -> Any:
        return json.loads(value)
