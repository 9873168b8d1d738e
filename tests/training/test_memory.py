"""Memory is reused in the block and given back after it, or nothing happens."""

import os
import subprocess
import sys
import threading

import pytest

from sklrnn import config_context
from sklrnn.training import memory
from sklrnn.training.memory import reused_memory


class FakeLibrary:
    """Stands in for glibc and notes what is asked of it."""

    def __init__(self):
        self.calls = []

    def mallopt(self, parameter, value):
        self.calls.append((parameter, value))

    def malloc_trim(self, pad):
        self.calls.append("trim")

    def malloc(self, size):
        return size

    def free(self, block):
        self.calls.append("free")


REUSE = list(memory._REUSE.items())
RESTORE = [*memory._GIVE_BACK.items(), "free", *memory._RESTORE.items()]


@pytest.fixture
def calls(monkeypatch):
    """List of the calls to glibc, none of which are made."""
    library = FakeLibrary()
    monkeypatch.setattr(memory, "_glibc", lambda: library)
    monkeypatch.setattr(memory, "_resident_bytes", lambda: 0)
    for name in [name for name in os.environ if name.startswith("MALLOC_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    return library.calls


def test_set_and_restored(calls):
    with reused_memory():
        assert calls == REUSE
    assert calls == REUSE + RESTORE


def test_everything_set_is_restored():
    changed = memory._REUSE.keys() | memory._GIVE_BACK.keys()
    assert changed <= memory._RESTORE.keys()


@pytest.mark.parametrize(("grown", "end"), [(64, []), (65, ["trim"]), (-65, [])])
def test_trimmed_where_much_is_left(calls, monkeypatch, grown, end):
    resident = iter([10 << 30, (10 << 30) + (grown << 20)])
    monkeypatch.setattr(memory, "_resident_bytes", lambda: next(resident))
    with reused_memory():
        pass
    assert calls == REUSE + RESTORE + end


def test_resident_bytes(monkeypatch):
    if sys.platform == "linux":
        assert 2**20 < memory._resident_bytes() < 2**40
    monkeypatch.setattr("builtins.open", raise_os_error)
    assert memory._resident_bytes() == 0


def raise_os_error(*args):
    raise OSError("no such file")


def test_restored_after_an_error(calls):
    with pytest.raises(ZeroDivisionError), reused_memory():
        1 / 0  # noqa: B018 (raises)
    assert calls == REUSE + RESTORE


def test_nested(calls):
    with reused_memory():
        with reused_memory():
            pass
        assert calls == REUSE
    assert calls == REUSE + RESTORE


def test_blocks_of_several_threads_may_overlap(calls):
    entered, leave = threading.Event(), threading.Event()

    def work():
        with reused_memory():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=work)
    with reused_memory():
        thread.start()
        assert entered.wait(10)
    assert calls == REUSE  # the thread still needs it
    leave.set()
    thread.join()
    assert calls == REUSE + RESTORE


def test_off(calls):
    with config_context(reuse_memory=False), reused_memory():
        pass
    assert not calls


def test_a_setting_changed_in_the_block_is_for_the_next(calls):
    with config_context():
        from sklrnn import set_config

        with reused_memory():
            set_config(reuse_memory=False)
        with reused_memory():
            pass
    assert calls == REUSE + RESTORE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MALLOC_TRIM_THRESHOLD_", "131072"),
        ("MALLOC_MMAP_MAX_", "0"),
        ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=7:glibc.malloc.top_pad=65536"),
    ],
)
def test_the_environment_goes_first(calls, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with reused_memory():
        pass
    assert not calls


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MALLOC_ARENA_MAX", "2"),
        ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=7"),
    ],
)
def test_other_settings_of_the_environment_do_not_matter(
    calls, monkeypatch, name, value
):
    monkeypatch.setenv(name, value)
    with reused_memory():
        pass
    assert calls == REUSE + RESTORE


def raise_value_error(name):
    raise ValueError("unrecognized configuration name")


@pytest.mark.parametrize("confstr", [raise_value_error, lambda name: None, None])
def test_other_systems_are_left_alone(confstr, monkeypatch):
    if confstr is None:
        monkeypatch.delattr(os, "confstr", raising=False)  # Windows
    else:
        monkeypatch.setattr(os, "confstr", confstr, raising=False)
    memory._glibc.cache_clear()
    try:
        assert memory._glibc() is None
        with reused_memory():
            pass
    finally:
        memory._glibc.cache_clear()


needs_glibc = pytest.mark.skipif(memory._glibc() is None, reason="needs glibc")

START = """
import os, resource, sys, threading
from sklrnn.training.memory import reused_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = b"x" * (48 << 20)
    del block
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20
"""


def run_python(code):
    """Return the numbers that a new process prints: it counts what all of it does."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MALLOC_", "GLIBC_TUNABLES"))
    }
    command = [sys.executable, "-c", START + code]
    out = subprocess.check_output(command, text=True, env=environment)
    return [int(word) for word in out.split()]


# A block of 48 MiB is more than glibc ever keeps, and less than the heap of a thread
# holds.
@needs_glibc
@pytest.mark.parametrize("in_thread", [False, True])
def test_no_page_faults_in_the_block_and_no_memory_kept(in_thread):
    code = """
def work():
    before, start = faults(), resident()
    with reused_memory():
        faults()
        inside, held = faults(), resident()
    print(before, inside, held - start, resident() - start, faults())

"""
    if in_thread:
        code += "t = threading.Thread(target=work); t.start(); t.join()"
    else:
        code += "work()"
    before, inside, held, kept, after = run_python(code)
    assert inside < before / 10
    assert held > 40
    assert kept < 8
    assert after > before / 2


@needs_glibc
def test_free_memory_between_blocks_in_use_goes_back():
    code = """
start = resident()
with reused_memory():
    blocks = [b"x" * (1 << 20) for _ in range(200)]
    held = resident() - start
    blocks = blocks[::20]
print(held, resident() - start)
"""
    held, kept = run_python(code)
    assert held > 190
    assert kept < 20


@needs_glibc
def test_small_arrays_are_not_slower_afterwards():
    # With the 128 KiB from which glibc starts, each of them would be mapped anew.
    code = """
def small():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(100):
        block = b"x" * (1 << 20)
        del block
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

with reused_memory():
    pass
print(small())
"""
    assert run_python(code)[0] < 1000
