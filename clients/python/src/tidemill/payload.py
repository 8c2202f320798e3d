"""Input, output and chunks."""

from __future__ import annotations

import json as jsonlib
import math
from collections.abc import Mapping
from typing import Any, Union

from google.protobuf.struct_pb2 import NULL_VALUE, ListValue, Struct, Value

from tidemill import proto
from tidemill.errors import InvalidError

#: Whole numbers up to this are doubles of their own; beyond it digits would be lost.
_EXACT = 2**53
#: Characters of its repr.
_SHOWN = 80


class Payload:
    """Bytes, text or JSON. The server takes at most 256 KiB (configurable to 1 MiB), of a chunk 64 KiB."""

    __slots__ = ("_proto",)

    def __init__(self, message: proto.Payload | None = None) -> None:
        self._proto = message if message is not None else proto.Payload()

    @classmethod
    def of(cls, value: PayloadLike, content_type: str = "") -> Payload:
        """Text of a `str`, bytes of `bytes`, nothing of `None`, a payload as it is, and JSON of everything else.

        Raises `InvalidError` if the value is none of these, or JSON cannot hold it.
        """
        if isinstance(value, Payload):
            return value if not content_type else cls._with(value._proto, content_type)
        message = proto.Payload(content_type=content_type)
        if value is None:
            pass
        elif isinstance(value, str):
            message.text = _checked(value)
        elif isinstance(value, (bytes, bytearray, memoryview)):
            message.data = bytes(value)
        else:
            message.json.CopyFrom(_to_value(value))
        return cls(message)

    @classmethod
    def json(cls, value: Any, content_type: str = "") -> Payload:
        """A JSON value, which every language and grpcurl see as JSON; also for text and None.

        Raises `InvalidError` if JSON cannot hold the value, or if it holds a whole number beyond 2^53, which a protobuf `Value`, a
        double, would change on the way: make such a number a string.
        """
        return cls(proto.Payload(content_type=content_type, json=_to_value(value)))

    @classmethod
    def _with(cls, message: proto.Payload, content_type: str) -> Payload:
        copy = proto.Payload()
        copy.CopyFrom(message)
        copy.content_type = content_type
        return cls(copy)

    @property
    def content_type(self) -> str:
        """The MIME type: the one that was set, or the variant's."""
        if self._proto.content_type:
            return self._proto.content_type
        return _IMPLIED.get(self._proto.WhichOneof("content") or "", "application/octet-stream")

    @property
    def text(self) -> str | None:
        """The text, if it is text."""
        return self._proto.text if self._proto.WhichOneof("content") == "text" else None

    def to_json(self) -> Any:
        """Reads JSON: of the JSON variant, or parsed from text or bytes. Raises `ValueError` if it is none."""
        variant = self._proto.WhichOneof("content")
        if variant is None:
            return None
        if variant == "json":
            return _from_value(self._proto.json)
        return jsonlib.loads(self._proto.text if variant == "text" else self._proto.data)

    def to_bytes(self) -> bytes:
        """The content as bytes: text as UTF-8, JSON as its text."""
        variant = self._proto.WhichOneof("content")
        if variant is None:
            return b""
        if variant == "data":
            return self._proto.data
        text = self._proto.text if variant == "text" else jsonlib.dumps(self.to_json(), separators=(",", ":"))
        return text.encode()

    @property
    def value(self) -> Any:
        """The content as Python has it: `str`, `bytes`, a JSON value, or None if it is empty."""
        variant = self._proto.WhichOneof("content")
        if variant is None:
            return None
        return self.to_json() if variant == "json" else getattr(self._proto, variant)

    @property
    def message(self) -> proto.Payload:
        """The message of the contract."""
        return self._proto

    @property
    def size(self) -> int:
        """Its size as a message, in bytes."""
        return self._proto.ByteSize()

    def __bool__(self) -> bool:
        return bool(self.to_bytes())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Payload) and self._proto == other._proto

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        text = repr(self.value)
        return f"Payload({text if len(text) <= _SHOWN else text[:_SHOWN] + '...'})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickle, (self._proto.SerializeToString(),)


#: What can stand for a payload: None, text, bytes, a `Payload`, or anything that JSON can say.
PayloadLike = Union[Payload, None, str, bytes, bytearray, memoryview, bool, int, float, Mapping[str, Any], list[Any], tuple[Any, ...]]

_IMPLIED = {"text": "text/plain", "json": "application/json"}


def _unpickle(data: bytes) -> Payload:
    return Payload(proto.Payload.FromString(data))


def _checked(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidError(f"payload: text that is not Unicode: {error.reason}") from None
    return text


def _to_value(value: Any) -> Value:
    if value is None:
        return Value(null_value=NULL_VALUE)
    if isinstance(value, bool):
        return Value(bool_value=value)
    if isinstance(value, int):
        if abs(value) > _EXACT:
            raise InvalidError(f"payload: {value} would lose digits as a JSON number; make it a string")
        return Value(number_value=value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidError(f"payload: not JSON: {value} is no number in JSON")
        return Value(number_value=value)
    if isinstance(value, str):
        return Value(string_value=_checked(value))
    if isinstance(value, Mapping):
        return Value(struct_value=Struct(fields={_name(name): _to_value(item) for name, item in value.items()}))
    if isinstance(value, (list, tuple)):
        return Value(list_value=ListValue(values=[_to_value(item) for item in value]))
    raise InvalidError(f"payload: not JSON: a value of type {type(value).__qualname__}")


def _name(name: Any) -> str:
    if isinstance(name, str):
        return _checked(name)
    raise InvalidError(f"payload: not JSON: a key of type {type(name).__qualname__}")


def _from_value(value: Value) -> Any:
    """Whole numbers without a fraction. What JSON cannot say (infinities) becomes None."""
    variant = value.WhichOneof("kind")
    if variant == "number_value":
        number = value.number_value
        if not math.isfinite(number):
            return None
        return int(number) if number.is_integer() and abs(number) <= _EXACT else number
    if variant == "string_value":
        return value.string_value
    if variant == "bool_value":
        return value.bool_value
    if variant == "struct_value":
        return {name: _from_value(item) for name, item in value.struct_value.fields.items()}
    if variant == "list_value":
        return [_from_value(item) for item in value.list_value.values]
    return None
