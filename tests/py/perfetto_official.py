# SPDX-License-Identifier: BSD-2-Clause
"""Perfetto's own schema, from the package that its makers publish, as a check on ours."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from google.protobuf import descriptor_pb2

if TYPE_CHECKING:
    from pathlib import Path


@cache
def module() -> Any:  # noqa: ANN401
    """Return the generated code."""
    return import_module("perfetto.protos.perfetto.trace.perfetto_trace_pb2")


def decode(data: bytes) -> Any:  # noqa: ANN401
    """Return a Trace all of whose fields are known."""
    trace = module().Trace()
    trace.ParseFromString(data)
    size = trace.ByteSize()
    trace.DiscardUnknownFields()
    assert trace.ByteSize() == size, "there are fields that are not Perfetto's"
    return trace


def protoc(data: bytes, folder: Path) -> str:
    """Return what protobuf's own decoder prints, which knows all fields."""
    file = descriptor_pb2.FileDescriptorProto.FromString(module().DESCRIPTOR.serialized_pb)
    schema = folder / "perfetto.descriptor"
    schema.write_bytes(descriptor_pb2.FileDescriptorSet(file=[file]).SerializeToString())
    done = subprocess.run(
        ["protoc", f"--descriptor_set_in={schema}", "--decode=perfetto.protos.Trace"],
        input=data, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode()
    # A field that the schema does not know is printed by its number.
    assert not re.search(r"^\s*\d+[:{ ]", text, re.MULTILINE), text
    return text
