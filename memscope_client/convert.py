"""Messages to values, by the names of their fields: adding a field is one line in ``model``."""

from __future__ import annotations

import dataclasses
import functools
import re
import types
import typing
from collections import abc
from typing import Any, TypeVar

Value = TypeVar("Value")


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    name: str
    nested: Any  # the dataclass of the value, or of each of the values; None for numbers and texts
    repeated: bool = False
    may_lack: bool = False  # None where the message does not set it
    is_map: bool = False


def from_message(kind: type[Value], message: Any) -> Value:
    """The value of dataclass ``kind`` that ``message`` stands for, nested ones included."""
    described: tuple[_Field, ...] = _fields(kind)  # type: ignore[arg-type]  # a class is hashable
    return kind(**{field.name: _read(field, message) for field in described})


def enum_text(enum_type: Any, number: int) -> str:
    """``SESSION_STATE_ACTIVE`` of ``SessionState`` is ``"active"``; unspecified or unknown is ``""``."""
    value = enum_type.values_by_number.get(number)
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", enum_type.name).upper() + "_"
    text = value.name.removeprefix(prefix).lower() if value is not None else ""
    return "" if text == "unspecified" else str(text)


def enum_number(enum_type: Any, text: str) -> int:
    """The other way round; an unknown name is 0."""
    for value in enum_type.values:
        if enum_text(enum_type, value.number) == text:
            return int(value.number)
    return 0


def to_message(message: Any, value: Any) -> Any:
    """Fills ``message`` from a dataclass without others in it and hands it back."""
    for field in dataclasses.fields(value):
        content = getattr(value, field.name)
        enum_type = message.DESCRIPTOR.fields_by_name[field.name].enum_type
        if isinstance(content, tuple):
            getattr(message, field.name).extend(content)
        else:
            setattr(message, field.name, content if enum_type is None else enum_number(enum_type, content))
    return message


def _read(field: _Field, message: Any) -> Any:
    if field.may_lack and not message.HasField(field.name):
        return None
    content = getattr(message, field.name)
    if field.is_map:
        return dict(content)
    if field.repeated:
        if field.nested is None:
            return tuple(content)
        return tuple(from_message(field.nested, item) for item in content)
    if field.nested is not None:
        return from_message(field.nested, content)
    enum_type = message.DESCRIPTOR.fields_by_name[field.name].enum_type
    return content if enum_type is None else enum_text(enum_type, content)


@functools.cache
def _fields(kind: Any) -> tuple[_Field, ...]:
    hints = typing.get_type_hints(kind)
    return tuple(_describe(field.name, hints[field.name]) for field in dataclasses.fields(kind))


def _describe(name: str, hint: Any) -> _Field:
    if typing.get_origin(hint) is tuple:
        each = typing.get_args(hint)[0]
        return _Field(name, each if dataclasses.is_dataclass(each) else None, repeated=True)
    if typing.get_origin(hint) is abc.Mapping:
        return _Field(name, None, is_map=True)
    may_lack = isinstance(hint, types.UnionType)
    kind = typing.get_args(hint)[0] if may_lack else hint
    return _Field(name, kind if dataclasses.is_dataclass(kind) else None, may_lack=may_lack)
