"""Tests of `sklrnn.experiments.runner`: its workers, and what they leave."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor
from types import SimpleNamespace

import pytest

from sklrnn.experiments.runner import Runner, _named, silent
from sklrnn.experiments.storage import Folder
from sklrnn.network.cells.gru import GRU

PARENT = """
import os, sys, time
from pathlib import Path
from joblib import Parallel, delayed
from sklrnn.experiments.runner import _watched

def stay(folder):
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(60)

if __name__ == "__main__":
    jobs = (delayed(_watched)(os.getpid(), stay, sys.argv[1]) for _ in range(2))
    Parallel(2)(jobs)
"""


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    script, folder = tmp_path / "parent.py", tmp_path / "workers"
    script.write_text(PARENT)
    folder.mkdir()
    parent = subprocess.Popen([sys.executable, str(script), str(folder)])
    try:
        deadline = time.monotonic() + 60
        while len(os.listdir(folder)) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        workers = [int(name) for name in os.listdir(folder)]
        assert len(workers) == 2 and all(map(alive, workers))
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    deadline = time.monotonic() + 10
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(alive, workers))


class Mine(GRU):
    pass


def test_a_worker_that_dies_names_the_plug_ins():
    grid = [SimpleNamespace(params={"cell": cell}) for cell in ("gru", Mine)]
    with pytest.raises(OSError, match=r"in a plug-in \(.*Mine.*\), or because the mem"):
        with _named(grid):
            raise BrokenExecutor
    with pytest.raises(OSError, match="a worker process died: because the memory"):
        with _named(grid[:1]):
            raise BrokenExecutor


def test_a_planted_record_is_named(tmp_path):
    folder = Folder(tmp_path, {"rows": 3}, False)
    folder.keep("k", {"a": 1})
    architecture = SimpleNamespace(key=lambda seed: "k", name="x")
    runner = Runner(None, None, folder, None, silent)
    with pytest.raises(ValueError, match="k.json does not hold .*delete it"):
        runner.run([architecture], [0])
