"""Importing sklrnn stays light, and imports run one way through its rooms.

A room is a folder or a module at the root of the package. As a script this file prints
the house: the rooms, floor by floor, and what each of them imports.

    python tests/test_rooms.py
"""

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

import sklrnn

PACKAGE = Path(sklrnn.__file__).parent

# What a room may import from other rooms.
_GROUND = {"config", "data", "registry"}
_TASK = _GROUND | {"interfaces", "network", "training"}
_FACE = _GROUND | {
    "datasets",
    "deploy",
    "forecasting",
    "imputation",
    "inspection",
    "memories",
    "plotting",
    "recognition",
    "symbols",
    "testing",
}
_EXPERIMENTS = _FACE | _TASK | {"sklrnn"}
ROOMS_BELOW = {
    "config": set(),
    "data": set(),
    "datasets": set(),
    "registry": set(),
    "network": {"registry"},
    "interfaces": {"data"},
    "plotting": {"data"},
    "testing": {"network", "registry"},
    "training": _GROUND | {"deploy", "interfaces", "network"},
    # Files, streams and exports: networks and formats, but no estimator.
    "deploy": _GROUND | {"network"},
    "forecasting": _TASK | {"deploy"},
    "imputation": _TASK | {"deploy"},
    "recognition": _TASK | {"deploy"},
    "symbols": _TASK | {"deploy"},
    "memories": {"interfaces"},
    "inspection": {"data", "network", "training"},
    "sklrnn": _FACE,
    "experiments": _EXPERIMENTS,
    "commands": _EXPERIMENTS | {"experiments"},
    "__main__": {"commands"},
}
MOST_AT_THE_ROOT = 8

# The rooms and modules that a library has no place in.
WITHOUT = {
    "torch": {
        "commands",
        "config",
        "data",
        "datasets",
        "interfaces",
        "memories",
        "plotting",
        "registry",
        "training.calibration",
        "training.memory",
    },
    "pandas": {
        "commands",
        "config",
        "imputation.corruption",
        "imputation.learning",
        "interfaces.parameters",
        "interfaces.sklearn",
        "memories",
        "network",
        "recognition.learning",
        "registry",
        "symbols.generator_learning",
        "symbols.pieces",
        "symbols.seq2seq",
        "symbols.seq2seq_learning",
        "testing",
        "training",
    },
    "sktime": {
        "commands",
        "config",
        "data",
        "datasets",
        "memories",
        "network",
        "plotting",
        "registry",
        "symbols",
        "testing",
        "training",
    },
    "matplotlib": {
        "config",
        "data",
        "datasets",
        "forecasting",
        "imputation",
        "interfaces",
        "memories",
        "network",
        "recognition",
        "registry",
        "symbols",
        "testing",
        "training",
    },
}


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported_by(module, nodes):
    """Yield the full name of each module that the nodes of a syntax tree import."""
    is_package = MODULES[module].name == "__init__.py"
    package = module if is_package else module.rpartition(".")[0]
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = resolve_name("." * node.level + (node.module or ""), package)
            for alias in node.names:
                submodule = f"{origin}.{alias.name}"
                yield submodule if submodule in MODULES else origin


def without_typing(tree):
    """Yield the nodes of a syntax tree except those under ``if TYPE_CHECKING``."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting.extend(node.orelse)
        else:
            waiting.extend(ast.iter_child_nodes(node))


def read_imports(nodes_of=ast.walk):
    """Return a dict from each of our modules to the modules that it imports.

    What only a type checker reads counts as well: a reader follows it, too.
    """
    return {
        module: set(imported_by(module, nodes_of(ast.parse(path.read_text()))))
        for module, path in MODULES.items()
    }


def room(module):
    return module.split(".")[1] if "." in module else "sklrnn"


def arrows_between(imports):
    """Return a dict from each room to the other rooms that it imports."""
    arrows = {room(module): set() for module in MODULES}
    for module, others in imports.items():
        ours = {room(other) for other in others if other in MODULES}
        arrows[room(module)] |= ours - {room(module)}
    return arrows


def floors_of(arrows):
    """Return the rooms of each floor; a room stands above all that it imports."""
    floor = {}
    for name in TopologicalSorter(arrows).static_order():
        floor[name] = 1 + max((floor[below] for below in arrows[name]), default=0)
    return [
        sorted(name for name in floor if floor[name] == number)
        for number in range(1, max(floor.values()) + 1)
    ]


def modules_at_the_root():
    return sorted(path.name for path in PACKAGE.glob("*.py"))


def describe(imports):
    """Draw the house in words."""
    arrows = arrows_between(imports)
    try:
        floors = floors_of(arrows)
    except CycleError as error:
        floors = []
        circle = " -> ".join(error.args[1])
    n_arrows = sum(map(len, arrows.values()))
    at_root = modules_at_the_root()
    lines = [
        f"{len(arrows)} rooms on {len(floors)} floors, {n_arrows} arrows; "
        f"{len(at_root)} modules at the root: {', '.join(at_root)}"
    ]
    if not floors:
        return "\n".join([*lines, f"a circle: {circle}"])
    for number in range(len(floors), 0, -1):
        for name in floors[number - 1]:
            below = ", ".join(sorted(arrows[name])) or "nothing of ours"
            lines.append(f"floor {number}  {name}: imports {below}")
    return "\n".join(lines)


def upward(imports):
    """Return what no rule of `ROOMS_BELOW` allows."""
    return [
        f"{module} imports {other}"
        for module, others in imports.items()
        for other in sorted(others)
        if other in MODULES
        and room(other) not in ROOMS_BELOW[room(module)] | {room(module)}
    ]


@pytest.fixture(scope="module")
def imports():
    return read_imports()


@pytest.fixture(scope="module")
def loaded():
    """Imports that run, now or in a function."""
    return read_imports(without_typing)


def test_every_room_has_its_rule(imports):
    assert set(arrows_between(imports)) == set(ROOMS_BELOW), describe(imports)


def test_the_root_is_no_room_for_modules(imports):
    assert len(modules_at_the_root()) <= MOST_AT_THE_ROOT, describe(imports)


def test_rooms_import_downwards_only(imports):
    assert not upward(imports), describe(imports)


@pytest.mark.parametrize("name", sorted(set(ROOMS_BELOW)))
def test_an_import_against_a_rule_is_noticed(name, imports):
    broken = dict(imports)
    mine = next(module for module in MODULES if room(module) == name)
    for other in MODULES:
        if room(other) in ROOMS_BELOW[name] | {name}:
            continue
        broken[mine] = imports[mine] | {other}
        assert upward(broken) == [f"{mine} imports {other}"]


def test_tasks_do_not_know_each_other():
    tasks = {"forecasting", "imputation", "memories", "recognition", "symbols"}
    for task in tasks:
        assert not ROOMS_BELOW[task] & tasks


def test_no_room_is_in_a_circle(imports):
    floors_of(arrows_between(imports))  # raises CycleError, which names the rooms


def test_no_module_is_in_a_circle(imports):
    graph = {
        module: {other for other in others if other in MODULES} - {module}
        for module, others in imports.items()
    }
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the modules


def libraries(modules):
    return {module.split(".")[0] for module in modules}


@pytest.mark.parametrize("library", WITHOUT)
def test_rooms_do_without(library, loaded):
    users = [
        module
        for module in loaded
        if library in libraries(loaded[module])
        for place in WITHOUT[library]
        if f"{module}.".startswith(f"sklrnn.{place}.")
    ]
    known = {module.removeprefix("sklrnn.") for module in MODULES}
    assert not users
    assert WITHOUT[library] <= known  # none has been moved away


def test_one_file_alone_knows_skorch(loaded):
    users = {module for module in loaded if "skorch" in libraries(loaded[module])}
    assert users == {"sklrnn.training.net"}


@pytest.mark.parametrize("name", ["config", "training.memory", "registry"])
def test_some_modules_need_the_standard_library_only(name, loaded):
    others = libraries(loaded[f"sklrnn.{name}"]) - {"sklrnn"}
    assert others <= sys.stdlib_module_names


def test_only_compiled_kernels_know_numba(loaded):
    users = {m for m in loaded if libraries(loaded[m]) & {"llvmlite", "numba"}}
    assert {user.rpartition(".")[0] for user in users} == {
        "sklrnn.network.kernels.compiled"
    }


def test_no_package_hides_a_module_behind_another_name():
    # from package import name would then give the one or the other.
    hidden = [
        f"{package} imports {alias.name} from {node.module}"
        for package, path in MODULES.items()
        if path.name == "__init__.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module != package
        for alias in node.names
        if f"{package}.{alias.asname or alias.name}" in MODULES
    ]
    assert not hidden


def test_tests_stand_as_the_package_does():
    here = Path(__file__).parent
    folders = {path.name for path in here.iterdir() if any(path.glob("test_*.py"))}
    rooms = {path.name for path in PACKAGE.iterdir() if any(path.glob("*.py"))}
    assert folders == rooms


if __name__ == "__main__":
    print(describe(read_imports()))
