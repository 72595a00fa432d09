"""One member out of a zip archive, as `config.json` of a `.keras` file: a small reader that looks at nothing else and writes nothing.

The format is PKWARE's APPNOTE 6.3: an end record that says where the directory stands, a directory of entries, and before each
entry's data a header that repeats its name. Every number is compared with the bytes there are.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from convwise.errors import ModelError
from convwise.readers.echo import shown
from convwise.readers.keras_files.limits import CONFIG, DIRECTORY, ENTRIES, RATIO
from convwise.readers.keras_files.opening import Opened

END = struct.Struct("<4sHHHHIIH")
END64 = struct.Struct("<4sQHHIIQQQQ")
LOCATOR = struct.Struct("<4sIQI")
LOCATED = b"PK\6\7"
ENTRY = struct.Struct("<4sHHHHHHIIIHHHHHII")
LOCAL = struct.Struct("<4sHHHHHIIIHH")
COMMENT = 65_535
STORED, DEFLATED = 0, 8
ENCRYPTED = 1
FULL16, FULL32 = 0xFFFF, 0xFFFFFFFF
FIRST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the directory; sizes in bytes. `called` is what messages call it."""

    name: bytes
    called: str
    flags: int
    method: int
    checksum: int
    packed: int
    size: int
    start: int


@dataclass(frozen=True, slots=True)
class Member:
    """What is looked for: how its name ends (`whole`: what it is), what messages call it, and what to do where it is damaged."""

    ends: tuple[bytes, ...]
    called: str
    hint: str
    whole: bool = False
    entries: int = ENTRIES

    def named(self, name: bytes) -> bool:
        return name in self.ends if self.whole else name.endswith(self.ends)


CONFIG_JSON = Member((b"config.json",), "config.json", "save the model again with model.save('name.keras')", whole=True)


def read_member(file: Opened, member: Member = CONFIG_JSON) -> bytes:
    """The bytes of a member of the archive.

    Raises:
        ModelError: CW411 where there is none, CW412 with the place in the archive and what is wrong with it.
    """
    try:
        return _read(file, member)
    except ModelError as error:
        error.hint = error.hint or member.hint
        raise


def _read(file: Opened, member: Member) -> bytes:
    count, at, size = _directory(file)
    if count > member.entries:
        raise damaged(f"the archive has {count:,} entries, and a model has at most {member.entries:,}", received=count)
    if size > DIRECTORY:
        raise damaged(f"the archive's directory has {size:,} bytes, and at most {DIRECTORY:,} are read", received=size)
    entry = _find(file.read(at, size), at, count, member)
    return _unpacked(_data(file, entry, at), entry)


def damaged(fact: str, *, received: object = None, detail: str = "", hint: str = "") -> ModelError:
    """CW412."""
    return ModelError("CW412", fact, received=received, detail=detail, hint=hint)


def _directory(file: Opened) -> tuple[int, int, int]:
    """(entries, first byte, bytes) of the directory, from the end record, which may be followed by a comment only."""
    tail_at = max(0, file.size - END.size - COMMENT)
    tail = file.read(tail_at, file.size - tail_at)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < END.size:
        raise damaged("the archive has no end record: the file is cut off", received=file.size)
    _, disk, first_disk, _, count, size, start, comment = END.unpack_from(tail, at)
    if at + END.size + comment != len(tail):
        raise damaged(f"byte {tail_at + at}: the end record does not end the file", received=tail_at + at)
    end = tail_at + at
    # PyTorch writes the end record for large archives into every file.
    large = file.read(max(0, end - LOCATOR.size), 4) == LOCATED
    if FULL16 in (count, disk) or FULL32 in (size, start) or (large and start + size != end):
        count, start, size, end = _directory64(file, end)
    elif disk or first_disk:
        raise damaged("the archive is one of several disks", received=disk)
    if start + size != end:
        fact = (
            f"the directory of {size:,} bytes at byte {start} does not end at byte {end}, where its end record stands"
        )
        raise damaged(fact, received=start)
    return count, start, size


def _directory64(file: Opened, end: int) -> tuple[int, int, int, int]:
    """The same from the end record for large archives, which stands before the plain one."""
    locator = file.read(max(0, end - LOCATOR.size), LOCATOR.size)
    if end < LOCATOR.size or len(locator) < LOCATOR.size or locator[:4] != LOCATED:
        raise damaged("the archive's end record points at one for large archives that is not there", received=end)
    at: int = LOCATOR.unpack(locator)[2]
    record = file.read(at, END64.size) if at + END64.size <= end else b""
    if len(record) < END64.size or record[:4] != b"PK\6\6":
        raise damaged(f"byte {at}: there is no end record for large archives", received=at)
    fields = END64.unpack(record)
    if fields[4] or fields[5]:
        raise damaged("the archive is one of several disks", received=fields[4])
    return fields[7], fields[9], fields[8], at


def _find(directory: bytes, base: int, count: int, member: Member) -> Entry:
    """The row of the member, the only one of that name; every row is walked, so that there are as many as said."""
    at, found = 0, None
    for _ in range(count):
        if len(directory) - at < ENTRY.size or directory[at : at + 4] != b"PK\1\2":
            raise damaged(f"byte {base + at}: there is no directory entry", received=base + at)
        row = ENTRY.unpack_from(directory, at)
        name_end = at + ENTRY.size + row[10]
        after = name_end + row[11] + row[12]
        if after > len(directory):
            raise damaged(f"byte {base + at}: the directory entry ends past the directory", received=base + at)
        name = directory[at + ENTRY.size : name_end]
        if member.named(name):
            if found is not None:
                raise damaged(
                    f"the archive has two entries named {member.called}",
                    received=member.called,
                    detail="two readers may see two models",
                )
            found = _entry(row, directory[name_end : name_end + row[11]], name, member.called)
        at = after
    if at != len(directory):
        raise damaged(f"the directory has more than the {count:,} entries that its end record tells", received=count)
    if found is None:
        raise _no_config(directory)
    return found


def _no_config(directory: bytes) -> ModelError:
    pickled = b"/data.pkl" in directory
    return ModelError(
        "CW411",
        "this zip archive has no config.json, which every .keras file has",
        received="PyTorch" if pickled else "zip",
        detail="it holds a pickle, as PyTorch's own files do; pickles are never opened" if pickled else "",
        hint="give the model itself or an .onnx export of it" if pickled else "give a file that model.save wrote",
    )


def _entry(row: tuple[int, ...], extra: bytes, name: bytes, called: str) -> Entry:
    flags, method, checksum, packed, size, start = row[3], row[4], row[7], row[8], row[9], row[16]
    at = 0
    while len(extra) - at >= 4:
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            values = list(struct.unpack_from(f"<{min(length, len(extra) - at - 4) // 8}Q", extra, at + 4))
            size = values.pop(0) if size == FULL32 and values else size
            packed = values.pop(0) if packed == FULL32 and values else packed
            start = values.pop(0) if start == FULL32 and values else start
        at += 4 + length
    return Entry(name, called, flags, method, checksum, packed, size, start)


def _data(file: Opened, entry: Entry, directory: int) -> bytes:
    """The packed bytes, after a local header of the same name, all before the directory."""
    if entry.flags & ENCRYPTED:
        raise damaged(f"{entry.called} is encrypted", received=entry.flags)
    if entry.method not in (STORED, DEFLATED):
        raise damaged(
            f"{entry.called} is packed by method {entry.method}, and only stored (0) and deflated (8) are read",
            received=entry.method,
        )
    if entry.size > CONFIG or entry.packed > CONFIG:
        raise _too_long(entry)
    header = file.read(entry.start, LOCAL.size)
    if entry.start + LOCAL.size > directory or len(header) < LOCAL.size or header[:4] != b"PK\3\4":
        raise damaged(f"byte {entry.start}: there is no header of {entry.called}", received=entry.start)
    fields = LOCAL.unpack(header)
    name = file.read(entry.start + LOCAL.size, fields[9])
    if name != entry.name:
        other = shown(name.decode("utf-8", "backslashreplace"), 60)
        raise damaged(
            f"byte {entry.start}: the directory says {entry.called}, the header there says '{other}'", received=other
        )
    at = entry.start + LOCAL.size + fields[9] + fields[10]
    if at + entry.packed > directory:
        raise damaged(f"{entry.called}'s {entry.packed:,} bytes at byte {at} reach past the entries", received=at)
    return file.read(at, entry.packed)


def _too_long(entry: Entry) -> ModelError:
    size = max(entry.size, entry.packed)
    return damaged(f"{entry.called} has {size:,} bytes, and at most {CONFIG:,} are read", received=size)


def _unpacked(data: bytes, entry: Entry) -> bytes:
    """The bytes themselves; unpacking stops at the first byte past what the directory tells."""
    if len(data) != entry.packed:
        raise damaged("the file became shorter while it was read", received=len(data))
    if entry.method == STORED:
        found = data
    else:
        if entry.size > FIRST and entry.size > RATIO * max(entry.packed, 1):
            fact = f"{entry.called}'s {entry.packed:,} bytes would unpack to {entry.size:,}, more than {RATIO} for one"
            raise damaged(fact, received=entry.size)
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            found = unpacker.decompress(data, entry.size + 1)
        except zlib.error as error:
            raise damaged(f"{entry.called} cannot be unpacked: {error}", received=entry.called) from None
    if len(found) != entry.size:
        more = "more" if len(found) > entry.size else "fewer"
        raise damaged(
            f"{entry.called} has {more} bytes than the {entry.size:,} that the directory tells", received=entry.size
        )
    if zlib.crc32(found) != entry.checksum:
        raise damaged(f"{entry.called}'s checksum is wrong: bytes of it were changed", received=entry.called)
    return found
