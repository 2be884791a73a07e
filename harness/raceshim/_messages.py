# SPDX-License-Identifier: BSD-2-Clause
"""Formats of protocol buffers from tables: no generated code, and nothing in protobuf's own pool.

Generated code would be bound to some versions of protobuf, and the same names may come from other
packages. Strings are declared as bytes, which is the same on the wire: names of functions and files
need not be UTF-8, and one that is not must not cost the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message

    #: Message: (number, name, type), where `*` is repeated and a capital begins another message.
    Table = Mapping[str, tuple[tuple[int, str, str], ...]]


def message_class(package: str, table: Table, root: str, *, presence: bool) -> type[Message]:
    """Return the class of a message; with `presence` a field that is 0 is told from none."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name=f"raceshim/{package}.proto", package=package, syntax="proto2" if presence else "proto3"
    )
    for message, fields in table.items():
        described = file.message_type.add(name=message)
        for number, name, text in fields:
            kind = text.removeprefix("*")
            field = described.field.add(name=name, number=number)
            field.label = kinds.LABEL_REPEATED if text != kind else kinds.LABEL_OPTIONAL
            if kind in table:
                field.type = kinds.TYPE_MESSAGE
                field.type_name = f".{package}.{kind}"
            else:
                field.type = kinds.Type.Value(f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{root}"))
