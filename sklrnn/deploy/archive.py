"""One file: a zip of a JSON document and of arrays as safetensors, read with care.

A file is read as if a stranger had written it. Nothing of it is unpacked to the disk,
no member is larger than it says or than the limits allow, and each has its checksum.
Whatever is wrong with a file, `FileError` tells.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sklrnn.data.writing import replacing

DOCUMENT = "model.json"
_MARK = re.compile(rb"sklrnn ([0-9]{1,9}) ([0-9a-f]{64})")
_MARK_LENGTH = 90
_MEMBER = re.compile(r"[a-z0-9_]{1,64}\.safetensors")
_LARGEST_DOCUMENT = 64 << 20
_LARGEST_RATIO = 200
"""By how much a document may have been compressed; what has been further is a trap."""

_MOST_MEMBERS = 16
_DEEPEST = 100
"""Levels of lists and objects in a document."""

_DATE = (1980, 1, 1, 0, 0, 0)  # the same content gives the same file
_DAMAGE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    NotImplementedError,  # of zipfile, for methods that it does not know
    ArithmeticError,
    AttributeError,
    EOFError,
    struct.error,
    zlib.error,
    LookupError,
    MemoryError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
    ImportError,
    AssertionError,
)
"""What reading a damaged file may raise, here or in the libraries that are asked."""

_DTYPES = {
    "BOOL": "?",
    "U8": "u1",
    "I8": "i1",
    "U16": "u2",
    "I16": "i2",
    "U32": "u4",
    "I32": "i4",
    "U64": "u8",
    "I64": "i8",
    "F16": "f2",
    "F32": "f4",
    "F64": "f8",
}


class FileError(ValueError):
    """A file that cannot be read, be it damaged, foreign or too new; says why."""


class Content(NamedTuple):
    """What a file holds.

    Attributes
    ----------
    document : dict
    arrays : dict of ndarray
        By name.
    """

    document: dict[str, Any]
    arrays: dict[str, np.ndarray]


@contextmanager
def told(path: Any, what: str = "is damaged") -> Iterator[None]:
    """Let whatever a damaged file leads to end in a `FileError` that names the file."""
    try:
        yield
    except FileError:
        raise
    except _DAMAGE as error:
        if type(error).__name__ in ("PluginError", "MissingPluginError"):
            raise
        text = " ".join(str(error).split())[:300]
        reason = f"{type(error).__name__}: {text}" if text else type(error).__name__
        raise FileError(f"{path} {what} ({reason}); {_REMEDY}") from error


_REMEDY = "write it again with sklrnn.save, or take a copy of it that is whole"


# ---- writing ----------------------------------------------------------------------


def write(
    path: str | os.PathLike,
    document: Mapping[str, Any],
    members: Mapping[str, Mapping[str, np.ndarray]],
    *,
    format_version: int,
    overwrite: bool = False,
) -> Path:
    """Write a file whole or not at all.

    Parameters
    ----------
    path : str or path
    document : dict
        What JSON can hold; "members" is added to it.
    members : dict of dicts of ndarray
        Arrays by member and name; a name is in one member only.
    format_version : int
    overwrite : bool, default=False
        Whether a file of that name may be replaced.

    Raises
    ------
    FileExistsError
        If there is such a file, unless `overwrite`.
    """
    path = Path(path)
    if not overwrite:
        check_free(path)
    data = to_bytes(document, members, format_version=format_version)
    with replacing(path, overwrite=overwrite) as part, part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return path


def check_free(path: str | os.PathLike) -> None:
    """Raise a FileExistsError if there is a file of that name."""
    if Path(path).exists():
        raise FileExistsError(
            f"{path} is there already; choose another name, or give overwrite=True"
        )


def to_bytes(
    document: Mapping[str, Any],
    members: Mapping[str, Mapping[str, np.ndarray]],
    *,
    format_version: int,
) -> bytes:
    """Return a file's bytes; parameters are those of `write`."""
    from safetensors.numpy import save

    packed = {
        f"{name}.safetensors": save(
            {key: np.asarray(value, order="C") for key, value in arrays.items()}
        )
        for name, arrays in members.items()
    }
    listed = {
        name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in packed.items()
    }
    text = json.dumps(
        {"format": format_version, **document, "members": listed},
        ensure_ascii=False,
        allow_nan=False,
        separators=(",", ":"),
    ).encode("utf-8", "surrogatepass")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        _add(archive, DOCUMENT, text, zipfile.ZIP_DEFLATED)
        for name, data in packed.items():
            _add(archive, name, data, zipfile.ZIP_STORED)
        digest = hashlib.sha256(text).hexdigest()
        archive.comment = f"sklrnn {format_version} {digest}".encode()
    return buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, data: bytes, method: int) -> None:
    info = zipfile.ZipInfo(name, _DATE)
    info.compress_type = method
    info.external_attr = 0o644 << 16
    archive.writestr(info, data)
    if info.file_size > _LARGEST_RATIO * info.compress_size:
        raise ValueError(f"{name} is too uniform to be told from a trap when read")


# ---- reading ----------------------------------------------------------------------


def read_document(path: str | os.PathLike, newest: int) -> dict[str, Any]:
    """Return the document of a file; see `read`."""
    with _opened(path) as archive:
        return _document(path, archive, newest)[0]


def read(path: str | os.PathLike, newest: int) -> Content:
    """Read a file.

    Parameters
    ----------
    path : str or path
    newest : int
        Newest version of the format that can be read.

    Raises
    ------
    FileNotFoundError, PermissionError, IsADirectoryError
        If it cannot be opened.
    FileError
        If it is no such file, damaged, or of a newer format.
    """
    with _opened(path) as archive:
        document, names = _document(path, archive, newest)
        arrays: dict[str, np.ndarray] = {}
        for name in names:
            listed = document["members"][name]
            found = _unpack(path, name, _member(archive, name, listed, path))
            for key, value in found:
                if key in arrays:
                    raise FileError(f"{path} is damaged: it has {key!r} twice")
                arrays[key] = value
        return Content(document, arrays)


@contextmanager
def _opened(path: str | os.PathLike) -> Iterator[zipfile.ZipFile]:
    path = Path(path)
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "no regular file"
        raise FileError(f"{path} is {kind}; give a file that sklrnn.save has written")
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - _MARK_LENGTH, 0))
        if _MARK.search(file.read()) is None:
            raise FileError(
                f"{path} is not a file of sklrnn, or was cut short; give one that "
                "sklrnn.save has written"
            )
        file.seek(0)
        data = file.read()
    with told(path), zipfile.ZipFile(io.BytesIO(data)) as archive:
        yield archive


def _document(
    path: Any, archive: zipfile.ZipFile, newest: int
) -> tuple[dict[str, Any], list[str]]:
    mark = _MARK.fullmatch(archive.comment)
    if mark is None:
        raise FileError(f"{path} is damaged: its end is not where it says")
    if int(mark[1]) > newest:
        raise FileError(
            f"{path} has version {int(mark[1])} of the format, and this sklrnn reads "
            f"versions up to {newest}; load it with a newer sklrnn"
        )
    infos = archive.infolist()
    names = [info.filename for info in infos]
    if len(names) != len(set(names)) or len(names) > _MOST_MEMBERS:
        raise FileError(f"{path} is damaged: it has members twice, or too many")
    for name in names:
        if name != DOCUMENT and _MEMBER.fullmatch(name) is None:
            raise FileError(
                f"{path} is damaged or not of sklrnn: it has a member {name[:80]!r}"
            )
    listed = {"size": None, "sha256": mark[2].decode("ascii")}
    text = _member(archive, DOCUMENT, listed, path, _LARGEST_DOCUMENT)
    document = _parse(text, path)
    if document.get("format") != int(mark[1]):
        raise FileError(f"{path} is damaged: it names two versions of its format")
    members = document.get("members")
    others = [name for name in names if name != DOCUMENT]
    if not isinstance(members, dict) or sorted(members) != sorted(others):
        raise FileError(f"{path} is damaged: its members are not those that it lists")
    return document, others


def _parse(text: bytes, path: Any) -> dict[str, Any]:
    depth = deepest = 0
    in_text = False
    for byte in re.findall(rb'\\.|["\[\]{}]', text):
        if byte == b'"':
            in_text = not in_text
        elif not in_text and byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif not in_text and byte in b"]}":
            depth -= 1
    if deepest > _DEEPEST:
        raise FileError(f"{path} is damaged: its document is nested {deepest} deep")
    document = json.loads(
        text.decode("utf-8", "surrogatepass"),
        object_pairs_hook=_once,
        parse_constant=_no_constant,
        parse_int=_short_int,
    )
    if not isinstance(document, dict):
        raise FileError(f"{path} is damaged: its document is no object")
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _short_int(digits: str) -> int:
    if len(digits) > 400:
        raise ValueError("a number has too many digits")
    return int(digits)


def _member(
    archive: zipfile.ZipFile,
    name: str,
    listed: Any,
    path: Any,
    largest: int | None = None,
) -> bytes:
    """Return a member's bytes, after all checks that need none of them."""
    info = archive.getinfo(name)
    if not isinstance(listed, dict) or set(listed) != {"size", "sha256"}:
        raise FileError(f"{path} is damaged: it does not say how long {name} is")
    if info.flag_bits & 0x1:
        raise FileError(f"{path} is damaged: {name} is encrypted")
    allowed = zipfile.ZIP_DEFLATED if name == DOCUMENT else zipfile.ZIP_STORED
    if info.compress_type not in (allowed, zipfile.ZIP_STORED):
        raise FileError(f"{path} is damaged: {name} is compressed in a foreign way")
    if (
        info.file_size > _LARGEST_RATIO * max(info.compress_size, 1)
        or (allowed == zipfile.ZIP_STORED and info.file_size != info.compress_size)
        or (largest is not None and info.file_size > largest)
        or (listed["size"] is not None and listed["size"] != info.file_size)
    ):
        raise FileError(f"{path} is damaged: {name} has not the size that it says")
    with archive.open(info) as member:
        data = member.read(info.file_size + 1)
    if len(data) != info.file_size:
        raise FileError(f"{path} is damaged: {name} has not the size that it says")
    if hashlib.sha256(data).hexdigest() != listed["sha256"]:
        raise FileError(f"{path} is damaged: the checksum of {name} is another")
    return data


def _unpack(path: Any, name: str, data: bytes) -> Iterator[tuple[str, np.ndarray]]:
    from safetensors import SafetensorError, deserialize

    try:
        found = deserialize(data)
    except SafetensorError as error:
        raise FileError(f"{path} is damaged: {name} ({error}); {_REMEDY}") from error
    for key, one in found:
        if one["dtype"] not in _DTYPES:
            raise FileError(
                f"{path} is damaged: {name} has numbers of a kind {one['dtype']!r}"
            )
        flat = np.frombuffer(one["data"], dtype="<" + _DTYPES[one["dtype"]])
        yield key, flat.reshape(one["shape"]).copy()
