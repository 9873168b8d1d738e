"""The folder of a comparison: what is finished, each piece written whole at once."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

from sklrnn.data.writing import replacing

MANIFEST = "comparison.json"
_CELLS = "cells"
_OURS = (MANIFEST, _CELLS, "index.html", "results.csv", "results.json")


_OF_ALL: dict[str, Any] = {
    "task": str,
    "architecture": str,
    "params": dict,
    "failed": str,
    "scores": dict,
}
_OF_TRAINED: dict[str, Any] = {
    "history": list,
    "segments": dict,
    "gaps": dict,
    "fit_seconds": (int, float),
    "trained_epochs": int,
    "parameters": int,
}
"""What records hold: of every training, and of those that did not fail."""


def _load(path: Path) -> Any:
    """Return what a JSON file holds; None if it is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return None


def is_record(found: dict[str, Any]) -> bool:
    """Tell whether a dict may be what `run_trial` returned."""
    kinds = _OF_ALL if found.get("failed") else _OF_ALL | _OF_TRAINED
    return all(isinstance(found.get(name), kind) for name, kind in kinds.items())


def not_a_record(path: Path) -> str:
    """Say what is wrong with a file, and what to do."""
    return (
        f"{path} does not hold what a finished training leaves; delete it to have that "
        "training done again"
    )


class Folder:
    """A folder that holds one comparison.

    Parameters
    ----------
    path : path-like
        Made if it is not there.
    identity : dict
        What tells this comparison from others, as JSON can hold it.
    overwrite : bool
        Whether another comparison that the folder holds is deleted.

    Raises
    ------
    ValueError
        If the folder holds another comparison, or other files than those of one.
    OSError
        If it cannot be written.
    """

    def __init__(
        self, path: str | os.PathLike[str], identity: dict[str, Any], overwrite: bool
    ) -> None:
        self.path = Path(path)
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"cannot write the report to {self.path}: it is a file")
        if overwrite and (self.path / MANIFEST).exists():
            self._empty()
        else:
            self._check(identity)
        (self.path / _CELLS).mkdir(parents=True, exist_ok=True)
        for part in self.path.glob("**/.*.part"):  # of a run that was killed
            part.unlink(missing_ok=True)
        self.write(MANIFEST, json.dumps(identity, indent=1))

    def _empty(self) -> None:
        for name in _OURS:
            path = self.path / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def _check(self, identity: dict[str, Any]) -> None:
        manifest = self.path / MANIFEST
        advice = "choose another folder, or give overwrite=True (--overwrite)"
        if manifest.exists():
            before = _load(manifest)
            if not isinstance(before, dict) or not set(before) & set(identity):
                raise ValueError(
                    f"{manifest} is not that of another comparison, but damaged; "
                    f"{advice}"
                )
            if before != identity:
                names = [n for n in identity if before.get(n) != identity[n]]
                raise ValueError(
                    f"{self.path} belongs to another comparison: it differs in "
                    f"{', '.join(names) or 'what it holds'}; {advice}"
                )
        elif self.path.exists() and any(self.path.iterdir()):
            raise ValueError(
                f"{self.path} holds files that are no comparison's; choose another "
                "folder, or an empty one"
            )

    def read(self, key: str) -> dict[str, Any] | None:
        """Return the record of a finished cell of the grid; None if it is not.

        What cannot be read is as if it were not there, and is written again.

        Raises
        ------
        ValueError
            If the file holds something else.
        """
        path = self.file(key)
        try:
            record = _load(path)
        except FileNotFoundError:
            return None
        if not isinstance(record, (dict, type(None))):
            raise ValueError(not_a_record(path))
        return record

    def file(self, key: str) -> Path:
        """Return where the record of a cell of the grid is, or will be."""
        return self.path / _CELLS / f"{key}.json"

    def keep(self, key: str, record: dict[str, Any]) -> None:
        """Write the record of a finished cell of the grid."""
        self.write(f"{_CELLS}/{key}.json", json.dumps(record))

    def write(self, name: str, text: str) -> None:
        """Write a file whole or not at all.

        Raises
        ------
        OSError
            If it cannot be written; what was there stays.
        """
        path = self.path / name
        try:
            with replacing(path) as part, open(part, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise OSError(
                    error.errno,
                    f"there is no room left to write {path}; what is finished is kept: "
                    "make room, and start the same comparison again",
                ) from error
            raise
