"""Files written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Give a name to write to, and put the whole file in place of `path` after it.

    A link is followed; what is not a regular file, such as a device, is written to.
    Without `overwrite`, a file that has come to be there raises a FileExistsError.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        yield path
        return
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    # Made here and now: nobody can have put a link of that name there, to be followed.
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield part
        if overwrite:
            part.replace(path)
        else:
            os.link(part, path)  # which nothing else can come before
    finally:
        part.unlink(missing_ok=True)
