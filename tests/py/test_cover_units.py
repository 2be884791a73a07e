# SPDX-License-Identifier: BSD-2-Clause
"""Coverage files: what is written is read, and what is damaged is refused, at its place.

RACESHIM_FUZZ sets the number of damages; the slower proof makes 100,000.
"""

from __future__ import annotations

import os
import random
import struct
import zlib

import pytest
from cover_samples import LARGE, edges_meta, samples, source_meta
from hypothesis import given
from hypothesis import strategies as st
from raceshim.cover._bytes import CoverFileError, Reader, fnv128, unzigzag, var, zigzag
from raceshim.cover._units import (
    Counters,
    Meta,
    Mode,
    read_counters,
    read_metas,
    split,
    write_counters,
    write_meta,
)

FLIPS = int(os.environ.get("RACESHIM_FUZZ", "8000"))
METAS = {meta.hash: meta for meta, _ in samples()}
FILES = [write_meta(meta) for meta, _ in samples()] + [
    write_counters(Counters(meta, 12, 34, records)) for meta, records in samples()
]
#: Files of several units.
FILES += [b"".join(FILES[: len(METAS)]), b"".join(FILES[len(METAS) :])]


def read(data: bytes) -> list[Meta] | list[Counters]:
    """Read a file of either kind, as the command does."""
    if data[:8] == b"RSHCOVM\n":
        return read_metas(data, "file")
    return [
        read_counters(unit, METAS[unit.hash]) for unit in split(data, "file") if unit.hash in METAS
    ]


@pytest.mark.parametrize(("meta", "records"), samples())
def test_what_is_written_is_read(meta: Meta, records: dict[int, object]) -> None:
    (back,) = read_metas(write_meta(meta), "f")
    assert (back.hash, back.identity, back.path) == (meta.hash, meta.identity, meta.path)
    assert (back.build_id, back.compiler, back.mode) == (meta.build_id, meta.compiler, meta.mode)
    data = write_counters(Counters(meta, 12, 34, records))  # type: ignore[arg-type]
    (unit,) = split(data, "c")
    counters = read_counters(unit, back)
    assert (counters.pid, counters.time, counters.records) == (12, 34, records)


def test_hash_is_fnv_1a_of_what_the_contract_says() -> None:
    # the published test vector of the 128-bit FNV-1a
    assert fnv128(b"").hex() == "6c62272e07bb014262b821756295c58d"
    assert fnv128(b"a").hex() == "d228cb696f1a8caf78912b704e4a8964"
    meta = source_meta()
    data = write_meta(meta)
    after_path = 64 + 1 + len(meta.path)
    assert data[24:40].hex() == meta.hash == fnv128(data[8:12] + data[after_path:-8]).hex()
    elsewhere = source_meta(path="/another/place")
    assert elsewhere.hash == meta.hash
    assert source_meta(Mode.ATOMIC).hash != meta.hash


def test_layout_is_the_documented_one() -> None:
    meta = edges_meta()
    data = write_meta(meta)
    assert data[:8] == b"RSHCOVM\n"
    assert struct.unpack_from("<HBBIQ", data, 8) == (1, 2, 1, 64, len(data))
    assert struct.unpack_from("<QQQ", data, 40) == (5, 2, 0)
    assert struct.unpack("<II", data[-8:]) == (zlib.crc32(data[:-8]), 0x21444E45)
    assert data[-4:] == b"END!"
    # 5 edges; 0 + 0x1130, entry; + 0x20; - 0x10; - 0x1141, entry; + 1
    assert data[-21:-8].hex(" ") == "05 e0 44 01 40 00 1f 00 81 45 01 02 00"
    counters = write_counters(Counters(meta, 7, 9, {0: 1, 2: 1, 4: 1}))
    assert counters[:8] == b"RSHCOVC\n"
    assert struct.unpack_from("<QQQ", counters, 40) == (3, 7, 9)
    assert counters[64:-8] == bytes((0, 1, 1))


@given(st.integers(0, LARGE))
def test_numbers_survive(value: int) -> None:
    reader = Reader(var(value), "f")
    assert reader.var("x") == value
    reader.finish("x")
    assert (unzigzag(zigzag(value)) - value) % 2**64 == 0


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "byte 0: x ends early"),
        (b"\x80", "byte 1: x ends early"),
        (b"\x80" * 10 + b"\0", "byte 0: x has more than 10 bytes"),
        (b"\xff" * 9 + b"\x02", "byte 0: x has more than 64 bits"),
    ],
)
def test_wrong_numbers_are_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(CoverFileError) as caught:
        Reader(raw, "f").var("x")
    assert str(caught.value) == f"f: {reason}"


def test_number_may_be_longer_than_it_must() -> None:
    assert Reader(b"\x81" + b"\x80" * 8 + b"\0", "f").var("x") == 1


def sealed(data: bytes) -> bytes:
    """Return a unit whose length and checksum are right again."""
    data = data[:16] + struct.pack("<Q", len(data)) + data[24:]
    return data[:-8] + struct.pack("<I", zlib.crc32(data[:-8])) + data[-4:]


def changed(data: bytes, at: int, new: bytes) -> bytes:
    return sealed(data[:at] + new + data[at + len(new) :])


META_FILE = write_meta(source_meta())
COUNTERS_FILE = write_counters(Counters(source_meta(), 1, 2, {0: ((5, 0), b"")}))


@pytest.mark.parametrize(
    ("data", "place", "reason"),
    [
        (b"", 0, "needs 64 bytes"),
        (changed(META_FILE, 0, b"ELF"), 0, "magic"),
        (changed(META_FILE, 8, b"\2"), 8, "version 2"),
        (changed(META_FILE, 10, b"\x09"), 10, "engine 9"),
        (changed(META_FILE, 11, b"\0"), 11, "mode 0"),
        (changed(META_FILE, 12, b"\x41"), 12, "a header of 65 bytes"),
        (META_FILE[:16] + struct.pack("<Q", 71) + META_FILE[24:], 16, "a unit of 71 bytes"),
        (META_FILE[:16] + struct.pack("<Q", 2**63) + META_FILE[24:], 16, "a unit of 9223"),
        (changed(META_FILE, 24, b"\0"), 24, "is not that of the contents"),
        (changed(META_FILE, 40, b"\0"), 40, "the header says 0 counters"),
        (changed(META_FILE, 48, b"\0"), 40, "and 0 functions"),
        (changed(META_FILE, 56, b"\1"), 56, "must be 0"),
        (META_FILE[:-8] + b"\0" * 4 + META_FILE[-4:], len(META_FILE) - 8, "the checksum is"),
        (META_FILE[:-1] + b"?", len(META_FILE) - 4, "END!"),
        (META_FILE + b"\0", len(META_FILE), "needs 64 bytes"),
        (META_FILE + COUNTERS_FILE, len(META_FILE), "counters where meta-data must stand"),
        (COUNTERS_FILE + META_FILE, len(COUNTERS_FILE), "meta-data where counters must stand"),
        (changed(COUNTERS_FILE, 11, b"\3"), 10, "mode atomic, but"),
        (changed(COUNTERS_FILE, 40, b"\2"), 40, "the header says 2 records, the body has 1"),
        (changed(COUNTERS_FILE, 64, b"\4"), 64, "index 4 of 4"),
        (changed(COUNTERS_FILE, 66, b"\x80"), 67, "a count ends early"),
        (sealed(COUNTERS_FILE[:-8] + b"\0" + COUNTERS_FILE[-8:]), 68, "a count ends early"),
    ],
)
def test_damage_is_refused_at_its_place(data: bytes, place: int, reason: str) -> None:
    with pytest.raises(CoverFileError) as caught:
        read(data)
    assert f"file: byte {place}: " in str(caught.value)
    assert reason in str(caught.value)


def test_counter_of_one_byte_is_no_count() -> None:
    meta = source_meta(Mode.SET, size=1)
    data = write_counters(Counters(meta, 1, 2, {3: ((1,), b"")}))
    with pytest.raises(CoverFileError, match=r"byte 65: a count of 2 where only 0 and 1"):
        read(changed(data, 65, b"\2"))


def test_numbers_of_a_program_that_cannot_be_are_no_allocation() -> None:
    """A few bytes that speak of 2**60 counters are refused, and not believed."""
    functions = META_FILE.index(b"\x0a\x08\x04") + 2
    with pytest.raises(CoverFileError, match="more functions than"):
        read(sealed(META_FILE[:functions] + var(2**60) + META_FILE[functions + 1 :]))
    number = functions + 1 + 16
    with pytest.raises(CoverFileError, match="more than 268435456 counters"):
        read(sealed(META_FILE[:number] + var(2**60) + META_FILE[number + 1 :]))


@pytest.mark.parametrize("number", range(len(FILES)))
def test_file_cut_at_any_byte_is_refused_or_ends_with_a_unit(number: int) -> None:
    data = FILES[number]
    whole = {0}
    while max(whole) < len(data):
        whole.add(max(whole) + int.from_bytes(data[max(whole) + 16 : max(whole) + 24], "little"))
    assert read(data)
    for cut in range(len(data)):
        if cut in whole - {0}:
            assert read(data[:cut])
            continue
        with pytest.raises(CoverFileError, match=r"^file: byte \d+: "):
            read(data[:cut])


def check_flips(seed: int, count: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    accepted = 0
    for _ in range(count):
        data = bytearray(rng.choice(FILES))
        for _ in range(rng.choice((1, 1, 1, 2, 8))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        kind = rng.randrange(3)
        if kind == 1:  # the reader must not lean on the checksum
            data = bytearray(sealed(bytes(data)))
        elif kind == 2:
            here = rng.randrange(len(data))
            del data[here : here + rng.randrange(9)]
            data[here:here] = rng.randbytes(rng.randrange(9))
            data = bytearray(sealed(bytes(data)))
        try:
            units = read(bytes(data))
        except CoverFileError as error:
            assert str(error).startswith("file: byte ")  # noqa: PT017 - some are right
            continue
        assert kind or bytes(data) in FILES, "a flip was not seen"
        accepted += 1
        for unit in units:  # what is believed can be written, and is read again
            again = write_meta(unit) if isinstance(unit, Meta) else write_counters(unit)
            split(again, "again")
    assert accepted < count / 2


@pytest.mark.parametrize("seed", range(4))
def test_flipped_files_are_refused(seed: int) -> None:
    check_flips(seed, FLIPS // 4)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 104))
def test_100_000_flipped_files_are_refused(seed: int) -> None:
    check_flips(seed, 25_000)
