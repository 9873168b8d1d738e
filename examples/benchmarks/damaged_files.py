"""Damaged files: `sklrnn.load` and `describe` refuse them, whatever is wrong.

Each file is one of a few whole ones, damaged: bits flipped, cut short, members missing,
doubled or renamed, links, zip bombs; and, with all checksums made right again, JSON of
other types, deep nesting, huge numbers, safetensors headers that overlap or lie. Each
must end in a ValueError that says what is wrong with the file, or, where the damage
changes nothing that matters, be read. Memory is limited to 500 MB beyond what the
libraries take, time to 2 s a file; an audit hook counts what must not happen.

    python examples/benchmarks/damaged_files.py --files 100000
"""

import argparse
import builtins
import copy
import hashlib
import io
import json
import resource
import struct
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import sklrnn

MEMORY = 500 << 20
SECONDS = 2.0

# ---- whole files ------------------------------------------------------------------


def originals(folder):
    """Write a few files that are whole; return their paths."""
    quick = {"max_epochs": 1, "hidden_size": 3, "random_state": 0}
    steps = np.arange(40)
    times = pd.date_range("2024-01-01", periods=40, tz="Europe/Lisbon", freq="h")
    y = pd.DataFrame({"a": np.sin(steps / 3), "b": np.cos(steps / 3)}, index=times)
    X = pd.DataFrame({"c": list("uv") * 20}, index=times)
    holes = y.mask(np.repeat([steps % 9 == 4], 2, axis=0).T)
    many = pd.concat({f"s{n}": y.tz_localize(None) for n in range(10)})
    words = ["ab", "ba", "aab"] * 3
    fitted = {
        "forecaster": sklrnn.RNNForecaster(**quick).fit(y, X=X, fh=[1, 2]),
        "panel": sklrnn.RNNForecaster(direction="decoupled", **quick).fit(many, fh=[1]),
        "imputer": sklrnn.RNNImputer(direction="forward", **quick).fit(holes),
        "translator": sklrnn.RNNSeq2Seq(**quick).fit(words, words),
        "memory": sklrnn.HopfieldMemory(random_state=0).fit(np.eye(4)[:2] * 2 - 1),
    }
    fitted["imputer"].partial_transform(holes[:5])
    return [
        sklrnn.save(one, Path(folder) / f"{name}.sklrnn")
        for name, one in fitted.items()
    ]


def take_apart(data):
    """Return document and members of a whole file."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(members.pop("model.json")), members


def put_together(document, members, *, text=None, names=(), mode=None, method=0):
    """Return a file with the checksums that its content has.

    `text` stands for the document, `names` are what members are called instead.
    """
    if text is None:
        document = copy.copy(document)
        document["members"] = {
            name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in members.items()
        }
        text = json.dumps(document).encode()
    buffer = io.BytesIO()
    called = dict(names)
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")  # of a name that is there twice
        for name, data in [("model.json", text), *members.items()]:
            info = zipfile.ZipInfo(called.get(name, name))
            info.compress_type = method if name != "model.json" else 8
            info.external_attr = (0o644 if mode is None else mode) << 16
            archive.writestr(info, data)
        archive.comment = b"sklrnn 1 " + hashlib.sha256(text).hexdigest().encode()
    return buffer.getvalue()


# ---- damage: each takes a generator and the bytes of a whole file -------------------


def flip_bits(rng, data):
    found = bytearray(data)
    for place in rng.integers(len(found), size=rng.integers(1, 20)):
        found[place] ^= 1 << rng.integers(8)
    return bytes(found)


def flip_at_the_end(rng, data):
    found = bytearray(data)
    for place in rng.integers(1, min(400, len(data)), size=rng.integers(1, 6)):
        found[-place] = rng.integers(256)
    return bytes(found)


def cut_short(rng, data):
    return data[: rng.integers(len(data))]


def lose_a_piece(rng, data):
    first, last = sorted(rng.integers(len(data), size=2))
    piece = data[first:last]
    return data[:first] + (piece + piece if rng.integers(2) else b"") + data[last:]


def without_a_member(rng, data):
    document, members = take_apart(data)
    name = rng.choice(sorted(members))
    listed = copy.deepcopy(document)
    del members[name]
    return put_together(listed, members, text=json.dumps(listed).encode())


def member_twice(rng, data):
    document, members = take_apart(data)
    name = str(rng.choice(sorted(members)))
    other = str(rng.choice(["model.json", *sorted(members)]))
    return put_together(document, members, names={name: other})


_NAMES = (
    "/etc/passwd",
    "../../x.safetensors",
    "..\\x.safetensors",
    "C:\\x",
    "x" * 60_000,
    "a/b.safetensors",
    "model.json/",
    "weights.pkl",
    "\u202e.safetensors",
    "",
)


def rename_a_member(rng, data):
    document, members = take_apart(data)
    name = rng.choice(sorted(members))
    return put_together(document, members, names={name: str(rng.choice(_NAMES))})


def links(rng, data):
    document, members = take_apart(data)
    members[str(rng.choice(sorted(members)))] = b"/etc/passwd"
    return put_together(document, members, mode=0o120777)


def bomb(rng, data):
    document, members = take_apart(data)
    size = int(rng.choice([1 << 20, 1 << 24, 1 << 27]))
    filler = bytes([rng.choice([0, 32, 91, 123])])
    if rng.integers(2):
        members[str(rng.choice(sorted(members)))] = filler * size
        return put_together(document, members, method=8)
    return put_together(document, members, text=filler * size)


_VALUES = (
    None,
    True,
    -1,
    0,
    2**31,
    2**63,
    10**40,
    -(2**70),
    1e308,
    0.5,
    "",
    "x",
    "os:system",
    "__class__",
    [],
    {},
    [[]],
    [0] * 20,
    {"$": "float", "v": "nan"},
    {"$": "float", "v": "inf"},
    {"$": "object", "class": "os.system", "n": 0, "fields": {"command": "true"}},
    {"$": "object", "class": "GridSeries", "n": 0, "fields": {}},
    {"$": "again", "n": 0},
    {"$": "again", "n": 10**9},
    {"$": "type", "name": "Index"},
    {"$": "plugin", "kind": "cell", "name": "os:system"},
    {
        "$": "plugin",
        "kind": "cell",
        "name": "x",
        "distribution": "pip",
        "version": "1",
    },
    {"$": "optimizer", "name": "Optimizer"},
    {"$": "optimizer", "name": "__builtins__"},
    {"$": "RangeIndex", "v": [0, 2**62, 1], "name": None},
    {"$": "tuple", "v": [1]},
    {"$": "bytes", "v": "00"},
    {"$": "Timestamp", "v": 2**62, "unit": "ns", "tz": "../../etc/passwd"},
    {"$": "offset", "name": "Day", "n": 2**62, "normalize": False, "given": {}},
    {"$": "items", "v": [], "shape": [2**40], "dtype": "U1000000"},
    {"$": "table", "class": "GridSeries", "n": 10**9, "fields": {}},
    {"$": "dtype", "name": "V1000000000"},
    {"$": "nothing"},
)


def places(value, path=()):
    """Yield the path of each value of a document."""
    yield path
    if isinstance(value, dict):
        for key, one in value.items():
            yield from places(one, (*path, key))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from places(one, (*path, number))


def other_values(rng, data):
    document, members = take_apart(data)
    for _ in range(rng.integers(1, 4)):
        found = [path for path in places(document) if path]
        path = found[rng.integers(len(found))]
        holder = document
        for key in path[:-1]:
            holder = holder[key]
        choice = rng.integers(4)
        if choice == 0 and isinstance(holder, dict):
            del holder[path[-1]]
        elif choice == 1:
            other = found[rng.integers(len(found))]
            value = document
            for key in other:
                value = value[key]
            holder[path[-1]] = copy.deepcopy(value)
        else:
            value = _VALUES[rng.integers(len(_VALUES))]
            holder[path[-1]] = copy.deepcopy(value)
    return put_together(document, members)


def nested(rng, data):
    document, members = take_apart(data)
    deep = int(rng.choice([90, 101, 5_000, 200_000]))
    left, right = [(b"[", b"]"), (b'{"a":', b"}")][rng.integers(2)]
    text = json.dumps(document).encode()[:-1]
    text += b',"deep":' + left * deep + b"1" + right * deep + b"}"
    return put_together(document, members, text=text)


_TEXTS = (
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"1" * 5_000,
    b"'a'",
    b'"\xff\xfe"',
    b'"\\ud800"',
    b"[1,]",
    b'{"a":1,"a":2}',
    b"",
    b"\x00",
)


def foreign_json(rng, data):
    document, members = take_apart(data)
    found = [path for path in places(document) if path]
    path = found[rng.integers(len(found))]
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = "@@@"
    text = json.dumps(document).encode()
    text = text.replace(b'"@@@"', _TEXTS[rng.integers(len(_TEXTS))])
    return put_together(document, members, text=text)


_SIZES = (-1, 0, 1, 3, 2**31, 2**62, 2**64, 1.5, "1", None, [], 10**30)


def lying_header(rng, data):
    document, members = take_apart(data)
    name = str(rng.choice(sorted(members)))
    packed = members[name]
    (length,) = struct.unpack("<Q", packed[:8])
    header = json.loads(packed[8 : 8 + length])
    keys = [key for key in header if key != "__metadata__"]
    if not keys:
        return flip_bits(rng, data)
    one = header[keys[rng.integers(len(keys))]]
    what = rng.integers(7)
    size = _SIZES[rng.integers(len(_SIZES))]
    if what == 0:
        one["shape"] = [size] * int(rng.integers(1, 4))
    elif what == 1:
        one["data_offsets"] = [0, size]
    elif what == 2:
        one["data_offsets"] = header[keys[rng.integers(len(keys))]]["data_offsets"]
    elif what == 3:
        one["dtype"] = ["F64", "I8", "BF16", "F8_E4M3", "X", 3][rng.integers(6)]
    elif what == 4:
        one["shape"] = list(reversed(one["shape"])) + [1]
    elif what == 5:
        length = int(rng.choice([0, 1, 2**20, 2**40, 2**63 - 1]))
    else:
        keys = list(header)
        first, second = rng.integers(len(keys), size=2)
        header = dict(header)
        values = header[keys[first]], header[keys[second]]
        header[keys[second]], header[keys[first]] = values
    text = json.dumps(header).encode()
    if what != 5:
        length = len(text)
    old = struct.unpack("<Q", packed[:8])[0]
    members[name] = struct.pack("<Q", length) + text + packed[8 + old :]
    return put_together(document, members)


def other_numbers(rng, data):
    document, members = take_apart(data)
    name = str(rng.choice(sorted(members)))
    packed = bytearray(members[name])
    (length,) = struct.unpack("<Q", packed[:8])
    body = len(packed) - 8 - length
    for place in rng.integers(max(body, 1), size=rng.integers(1, 40)):
        if body:
            packed[8 + length + place] = rng.choice([0, 0x7F, 0x80, 0xFF])
    members[name] = bytes(packed)
    return put_together(document, members)


def other_version(rng, data):
    found = rng.choice(["2", "0", "-1", "99999999999", "1.0", "one"])
    return data.replace(b"sklrnn 1 ", f"sklrnn {found} ".encode())


def foreign(rng, data):
    head = [b"", b"PK\x05\x06" + bytes(18), b"\x80\x04K\x01.", b"\x89PNG", b"\x1f\x8b"]
    return head[rng.integers(len(head))] + rng.bytes(rng.integers(200))


DAMAGES = (
    flip_bits,
    flip_at_the_end,
    cut_short,
    lose_a_piece,
    without_a_member,
    member_twice,
    rename_a_member,
    links,
    bomb,
    other_values,
    nested,
    foreign_json,
    lying_header,
    other_numbers,
    other_version,
    foreign,
)


def damaged(seed, wholes):
    """Return the kind of damage and the bytes of the damaged file of a number."""
    rng = np.random.default_rng(seed)
    # Bombs take a second to make, and there are few kinds of them.
    weights = np.array([0.05 if one is bomb else 1.0 for one in DAMAGES])
    damage = DAMAGES[rng.choice(len(DAMAGES), p=weights / weights.sum())]
    return damage.__name__, damage(rng, wholes[rng.integers(len(wholes))])


# ---- what must not happen -----------------------------------------------------------

_FORBIDDEN = (
    "compile",
    "exec",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "pty.spawn",
    "pickle.find_class",
    "socket.connect",
    "socket.bind",
    "subprocess.Popen",
    "ctypes.dlopen",
)


def _place():
    """Return the innermost function of sklrnn that is running."""
    frame = sys._getframe(2)
    while frame is not None and "sklrnn" not in frame.f_code.co_filename:
        frame = frame.f_back
    return "?" if frame is None else frame.f_code.co_name


class Watch:
    """Notes forbidden events, and imports of what is neither loaded nor known."""

    def __init__(self):
        self.seen = Counter()
        self.on = False
        sys.addaudithook(self._note)

    def _note(self, event, args):
        if not self.on:
            return
        if event in _FORBIDDEN:
            self.seen[f"{event} in {_place()}"] += 1
        elif event == "import" and args[0] not in sys.modules:
            top = args[0].partition(".")[0]
            if top not in sys.modules and top not in sys.stdlib_module_names:
                self.seen[f"import {args[0]}"] += 1


def read(path):
    """Return what came of reading a file, and what was said."""
    try:
        estimator = sklrnn.load(path)
    except sklrnn.registry.PluginError as error:
        return "refused (plug-in)", str(error)
    except ValueError as error:
        return "refused", str(error)
    return "read", type(estimator).__name__


def tell(path):
    try:
        sklrnn.describe(path)
    except ValueError:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        paths = originals(folder)
        wholes = [path.read_bytes() for path in paths]
        for path in paths:
            sklrnn.load(path)
            sklrnn.describe(path)
        str(torch.zeros(1))  # torch imports what prints tensors when it first does
        usage = Path("/proc/self/statm").read_text().split()
        before = int(usage[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (before + MEMORY, -1))
        watch, counts, slowest = Watch(), {}, Counter()
        path = Path(folder) / "damaged.sklrnn"
        for number in range(args.files):
            kind, data = damaged((args.seed, number), wholes)
            path.write_bytes(data)
            start = time.perf_counter()
            watch.on = True
            try:
                outcome, text = read(path)
                tell(path)
            except builtins.BaseException as error:
                watch.on = False
                print(f"{kind} {number}: {type(error).__name__}: {error}")
                outcome = "other"
                if isinstance(error, KeyboardInterrupt):
                    raise
            watch.on = False
            took = time.perf_counter() - start
            if took > SECONDS:
                print(f"{kind} {number}: took {took:.1f} s")
                outcome = "slow"
            if outcome == "refused" and str(path) not in text:
                print(f"{kind} {number}: does not name the file: {text}")
                outcome = "other"
            slowest[kind] = max(slowest[kind], took)
            counts.setdefault(kind, Counter())[outcome] += 1
    table = pd.DataFrame(counts).T.fillna(0).astype(int)
    table["slowest, ms"] = [round(1000 * slowest[kind], 1) for kind in table.index]
    print(table.to_string())
    print(f"\nevents that must not happen: {dict(watch.seen) or 'none'}")
    bad = sum(counts[kind][one] for kind in counts for one in ("other", "slow"))
    return 1 if bad or watch.seen else 0


if __name__ == "__main__":
    sys.exit(main())
