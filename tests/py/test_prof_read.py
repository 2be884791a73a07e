# SPDX-License-Identifier: BSD-2-Clause
"""Profiles are read whole or refused with a reason, whoever has written them."""

from __future__ import annotations

import gzip
import os
import random
import re
import zlib
from typing import TYPE_CHECKING

import pytest
from profiles import CALLS, PERIOD, Builder, usual
from raceshim._errors import RaceshimError, UsageError
from raceshim.prof import _read, _schema
from raceshim.prof._model import Frame, Label, Module, merge
from raceshim.prof._read import ProfileError
from raceshim.prof._schema import profile_class

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: The messages of google/pprof's proto/profile.proto, without its comments.
OFFICIAL = """
message Profile {
  repeated ValueType sample_type = 1; repeated Sample sample = 2; repeated Mapping mapping = 3;
  repeated Location location = 4; repeated Function function = 5; repeated string string_table = 6;
  int64 drop_frames = 7; int64 keep_frames = 8; int64 time_nanos = 9; int64 duration_nanos = 10;
  ValueType period_type = 11; int64 period = 12; repeated int64 comment = 13;
  int64 default_sample_type = 14; int64 doc_url = 15;
}
message ValueType { int64 type = 1; int64 unit = 2; }
message Sample {
  repeated uint64 location_id = 1; repeated int64 value = 2; repeated Label label = 3;
}
message Label { int64 key = 1; int64 str = 2; int64 num = 3; int64 num_unit = 4; }
message Mapping {
  uint64 id = 1; uint64 memory_start = 2; uint64 memory_limit = 3; uint64 file_offset = 4;
  int64 filename = 5; int64 build_id = 6; bool has_functions = 7; bool has_filenames = 8;
  bool has_line_numbers = 9; bool has_inline_frames = 10;
}
message Location {
  uint64 id = 1; uint64 mapping_id = 2; uint64 address = 3; repeated Line line = 4;
  bool is_folded = 5;
}
message Line { uint64 function_id = 1; int64 line = 2; int64 column = 3; }
message Function {
  uint64 id = 1; int64 name = 2; int64 system_name = 3; int64 filename = 4; int64 start_line = 5;
}
"""


def test_the_table_is_the_official_format() -> None:
    official = {
        name: {
            (int(number), field, ("*" if repeated else "") + kind)
            for repeated, kind, field, number in re.findall(
                r"(repeated )?(\w+) (\w+) = (\d+);", body
            )
        }
        for name, body in re.findall(r"message (\w+) \{(.*?)\}", OFFICIAL, re.DOTALL)
    }
    ours = {
        name: {(n, f, t.replace("bytes", "string")) for n, f, t in fields}
        for name, fields in _schema.MESSAGES.items()
    }
    assert ours == official


def test_nothing_is_put_into_protobufs_own_pool() -> None:
    from google.protobuf import descriptor_pool  # noqa: PLC0415

    profile_class()
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName("perftools.profiles.Profile")


def test_everything_comes_out_as_it_went_in() -> None:
    builder = Builder().sample("main libc:work@w.c:7", 3, thread="w", tid=12)
    builder.message.sample[0].label[1].num_unit = builder.string("id")
    builder.message.default_sample_type = builder.string("samples")
    profile = builder.comment("clock: x").profile()
    (sample,) = profile.samples
    work, main = sample.stack
    assert (work.function, work.file, work.line) == ("work", "w.c", 7)
    assert work.module == Module("/lib/libc.so.6", f"{2:040x}")
    assert (main.function, main.module.name) == ("main", "prog")
    address = builder.message.location[0].address
    assert main.offset == address - 0x10000 + 0x1000
    assert sample.values == (3, 3 * PERIOD)
    assert sample.labels == (Label("thread", "w"), Label("tid", 12, "id"))
    assert [tuple(t) for t in profile.types] == [("samples", "count"), ("cpu", "nanoseconds")]
    assert profile.comments == ("clock: x",)
    assert (profile.period, profile.duration) == (PERIOD, 2_000_000_000)
    assert profile.index(None) == 0
    assert profile.index("cpu") == profile.index("1") == 1
    assert profile.programs == {Module("/bin/prog", f"{1:040x}")}


def test_the_last_value_counts_unless_the_profile_says_otherwise() -> None:
    assert usual().profile().index(None) == 1


def test_inlined_functions_are_frames() -> None:
    builder = Builder().sample("main outer", 1)
    builder.message.location[1].line.insert(0, builder.message.location[0].line[0])
    frames = builder.profile().samples[0].stack
    assert [(f.function, f.inlined) for f in frames] == [
        ("main", True),
        ("outer", False),
        ("main", False),
    ]


def test_names_that_are_not_utf8_do_not_cost_the_profile() -> None:
    builder = Builder().sample("main", 1)
    builder.message.string_table[builder.string("main")] = b"f\xff\xfe"
    assert builder.profile().samples[0].stack[0].function == "f\ufffd\ufffd"


def test_without_gzip_and_in_several_members(tmp_path: Path) -> None:
    data = usual().message.SerializeToString()
    whole = tmp_path / "plain"
    whole.write_bytes(data)
    parts = tmp_path / "parts.pb.gz"
    parts.write_bytes(gzip.compress(data[:100]) + gzip.compress(data[100:]))
    samples = usual().profile().samples
    assert _read.read_file(whole).samples == _read.read_file(parts).samples == samples


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"#!/bin/sh\necho\n", "no profile.proto"),
        (gzip.compress(b"", mtime=0), "its strings do not begin with an empty one"),
        (usual().bytes()[:-30], "truncated: the compressed data is cut off"),
        (usual().bytes() + b"more", "damaged: gzip says"),
        (usual().message.SerializeToString()[:-25], "no profile.proto, or a truncated one"),
        (b"\0" * 8 + b"\3" + b"\0" * 15 + b"\x10" + b"\0" * 15, "written by gperftools"),
    ],
)
def test_refused_with_the_name_and_the_reason(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "bad.pb.gz"
    path.write_bytes(data)
    with pytest.raises(ProfileError, match=re.escape(message)) as error:
        _read.read([str(path)])
    assert str(error.value).startswith(f"{path}: ")
    assert error.value.exit_code == 4


def test_a_flipped_bit_of_the_compressed_data_is_seen() -> None:
    data = bytearray(usual().bytes())
    data[-8] ^= 1  # of the checksum
    with pytest.raises(ProfileError, match="damaged: gzip says incorrect data check"):
        _read.parse(bytes(data), "x")


def test_what_unpacks_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_read, "_LIMIT", 1 << 20)
    assert _read.parse(usual().bytes(), "small")
    bomb = zlib.compressobj(9, wbits=31)
    data = bomb.compress(bytes(64 << 20)) + bomb.flush()
    assert len(data) < 1 << 20
    with pytest.raises(ProfileError, match="unpacks to more than 1 MiB"):
        _read.parse(data, "bomb")


def test_stacks_that_multiply_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_read, "_FRAMES", 1000)
    builder = usual()
    builder.message.sample[0].location_id.extend([1] * 990)
    assert builder.profile()
    for _ in range(20):
        builder.message.location[0].line.add(function_id=1)
    with pytest.raises(ProfileError, match="stacks of more than 1000 frames"):
        builder.profile()


def _no_string(m: Builder) -> None:
    m.message.function[0].name = 10**6


def _negative_string(m: Builder) -> None:
    m.message.function[0].name = -1


def _no_location(m: Builder) -> None:
    m.message.sample[0].location_id[0] = 99


def _no_function(m: Builder) -> None:
    m.message.location[0].line[0].function_id = 99


def _no_mapping(m: Builder) -> None:
    m.message.location[0].mapping_id = 99


def _twice(m: Builder) -> None:
    m.message.location[1].id = m.message.location[0].id


def _no_number(m: Builder) -> None:
    m.message.mapping[0].id = 0


def _values(m: Builder) -> None:
    m.message.sample[0].value.append(1)


def _types(m: Builder) -> None:
    del m.message.sample_type[:]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_no_string, "string 1000000 of"),
        (_negative_string, "string -1 of"),
        (_no_location, "location 99, which is missing"),
        (_no_function, "location 1 of no function"),
        (_no_mapping, "location 1 in no mapping"),
        (_twice, "location 1 twice"),
        (_no_number, "mapping 0 has no number"),
        (_values, "a sample of 3 values instead of 2"),
        (_types, "does not say what its samples count"),
    ],
)
def test_references_to_nothing_are_refused(damage: Callable[[Builder], None], message: str) -> None:
    builder = usual()
    damage(builder)
    with pytest.raises(ProfileError, match=message):
        builder.profile()


def refusal(data: bytes) -> str | None:
    """Read; return why a file was refused, None if it was not."""
    try:
        profile = _read.parse(data, "fuzzed")
    except RaceshimError as error:
        return str(error)
    assert all(len(sample.values) == len(profile.types) for sample in profile.samples)
    return None


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_in_a_file_it_is_read_or_refused(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    whole = usual().sample("main _LostOverflow", 1, thread="x").message.SerializeToString()
    reasons: list[str | None] = []
    for _ in range(int(os.environ.get("RACESHIM_FUZZ", "20000")) // 40):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            place = chance.randrange(len(data))
            match chance.randrange(4):
                case 0:
                    data[place] ^= 1 << chance.randrange(8)
                case 1:
                    del data[place : place + chance.randrange(1, 20)]
                case 2:
                    data[place:place] = chance.randbytes(chance.randrange(1, 9))
                case _:
                    data = data[: place + 1]
            if not data:
                break
        blob = bytes(data) if chance.random() < 0.7 else gzip.compress(data)[: len(data)]
        reasons.append(refusal(blob))
    refused = [reason for reason in reasons if reason is not None]
    assert all(reason.startswith("fuzzed: ") for reason in refused)
    assert 0 < len(refused) < len(reasons)
    assert len({reason.split(":")[1] for reason in refused}) > 2


def test_processes_add_up_wherever_the_loader_has_put_them() -> None:
    one, two = usual(), Builder(shift=0x7F0000).samples(CALLS)
    assert one.message.location[0].address != two.message.location[0].address
    total = merge([one.profile(), two.profile()])
    assert {s.values[0] for s in total.samples} == {2 * n for n in CALLS.values()}
    assert len(total.samples) == len(CALLS)
    assert total.files == ("built", "built")


def test_labels_keep_samples_apart_when_they_are_added() -> None:
    one, two = (Builder().sample("main", 1, tid=n).profile() for n in (1, 2))
    assert len(merge([one, two]).samples) == 2
    assert len(merge([one, one]).samples) == 1


def test_a_sum_lasts_from_the_first_beginning_to_the_last_end() -> None:
    late = usual()
    late.message.time_nanos += 5_000_000_000
    total = merge([usual().profile(), late.profile()])
    assert (total.time, total.duration) == (1_700_000_000_000_000_000, 7_000_000_000)


def test_different_kinds_are_not_added() -> None:
    wall = usual()
    wall.message.sample_type[1].type = wall.string("wall")
    with pytest.raises(UsageError, match="has samples/count, wall/nanoseconds: they cannot"):
        merge([usual().profile(), wall.profile()])


def test_a_directory_is_all_profiles_in_it(tmp_path: Path) -> None:
    usual().write(tmp_path / "a.pb.gz")
    usual().write(tmp_path / "b.pb.gz")
    (tmp_path / "README").write_text("no profile")
    assert sum(s.values[0] for s in _read.read([str(tmp_path)]).samples) == 200
    both = [str(tmp_path), str(tmp_path / "a.pb.gz")]
    assert len(_read.read(both).files) == 2  # not twice


def test_no_input_and_missing_input_are_for_the_user(tmp_path: Path) -> None:
    for places, message in (
        ([], "no input"),
        ([str(tmp_path / "x")], "no such file or directory"),
        ([str(tmp_path)], "no profiles"),
    ):
        with pytest.raises(UsageError, match=message):
            _read.read(places)


def test_frames_are_equal_for_equal_code() -> None:
    frame = Frame("f", "", 0, Module("/a", "1"), 16)
    assert frame == Frame("f", "", 0, Module("/a", "1"), 16)
    assert frame.name == "f"
    assert Frame("", "", 0, Module("/lib/a.so", "1"), 16).name == "a.so+0x10"
    assert Frame("", "", 0, Module("", ""), 16).name == "?+0x10"
