"""Importing sklrnn stays light, and imports run one way through the package."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

import sklrnn

PACKAGE = Path(sklrnn.__file__).parent

# What a room of the package may import from its other rooms. A room that is not
# named here (an estimator, the command line, ...) may import any, and none of these
# may import it.
ROOMS_BELOW = {
    "config": set(),
    "memory": {"config"},
    "registry": set(),
    "data": set(),
    "datasets": set(),
    "calibration": set(),
    "conventions": set(),
    "parameters": set(),
    "attractors": set(),
    "hopfield": {"attractors", "parameters"},
    "horizons": {"data"},
    "network": {"registry"},
    "testing": {"network", "registry"},
    "batches": {"data"},
    "streams": {"batches", "data"},
    "processes": {"batches", "data"},
    "training": {"batches", "data", "network", "processes", "registry"},
    "threads": set(),
    "estimators": {"parameters"},
    "transformers": {"data", "estimators", "parameters"},
    "recognition": {
        "base",
        "batches",
        "data",
        "memory",
        "network",
        "registry",
        "threads",
        "training",
    },
    "recognizers": {
        "base",
        "batches",
        "data",
        "estimators",
        "memory",
        "network",
        "parameters",
        "recognition",
        "registry",
        "threads",
        "training",
    },
    "corruption": {"batches", "data"},
    "base": {
        "batches",
        "data",
        "network",
        "parameters",
        "processes",
        "registry",
        "threads",
        "training",
    },
    "pieces": {"batches", "data"},
    "distributions": {"network", "registry"},
    "forecasting": {
        "batches",
        "calibration",
        "data",
        "distributions",
        "network",
        "registry",
        "threads",
        "training",
    },
    "quantiles": {
        "batches",
        "calibration",
        "data",
        "distributions",
        "forecasting",
        "network",
        "registry",
        "threads",
        "training",
    },
    "residuals": {
        "batches",
        "calibration",
        "data",
        "distributions",
        "forecasting",
        "network",
        "registry",
        "threads",
        "training",
    },
    "generation": {
        "base",
        "batches",
        "memory",
        "network",
        "pieces",
        "threads",
        "training",
    },
    "association": {
        "base",
        "batches",
        "data",
        "memory",
        "network",
        "threads",
        "training",
    },
    "imputation": {
        "base",
        "batches",
        "calibration",
        "corruption",
        "data",
        "memory",
        "network",
        "registry",
        "threads",
        "training",
    },
    "forecast_params": {
        "base",
        "batches",
        "calibration",
        "data",
        "distributions",
        "forecasting",
        "network",
        "parameters",
        "processes",
        "registry",
        "threads",
        "training",
    },
    "learning": {
        "base",
        "batches",
        "calibration",
        "data",
        "distributions",
        "forecast_params",
        "forecasting",
        "memory",
        "network",
        "parameters",
        "processes",
        "registry",
        "residuals",
        "streams",
        "threads",
        "training",
    },
}

# The rooms that a library has no place in.
ROOMS_WITHOUT = {
    "torch": {
        "arguments",
        "attractors",
        "cli",
        "commands",
        "config",
        "data",
        "datasets",
        "hopfield",
        "memory",
        "parameters",
        "registry",
        "transformers",
    },
    "pandas": {
        "arguments",
        "association",
        "attractors",
        "cli",
        "commands",
        "config",
        "corruption",
        "generation",
        "hopfield",
        "imputation",
        "memory",
        "network",
        "parameters",
        "pieces",
        "registry",
        "seq2seq",
        "testing",
    },
    "sktime": {
        "arguments",
        "association",
        "attractors",
        "cli",
        "commands",
        "corruption",
        "data",
        "datasets",
        "generation",
        "generator",
        "hopfield",
        "imputation",
        "network",
        "parameters",
        "pieces",
        "registry",
        "seq2seq",
        "testing",
        "training",
    },
    "matplotlib": {
        "association",
        "attractors",
        "base",
        "corruption",
        "data",
        "datasets",
        "generation",
        "generator",
        "hopfield",
        "imputation",
        "imputer",
        "network",
        "parameters",
        "pieces",
        "registry",
        "seq2seq",
        "testing",
        "training",
        "transformers",
    },
}


def run_python(code):
    """Return what a new process with ``code`` prints, split at white space."""
    return subprocess.check_output([sys.executable, "-c", code], text=True).split()


def test_import_loads_no_heavy_library():
    heavy = {"matplotlib", "numpy", "pandas", "sklearn", "skorch", "sktime", "torch"}
    assert not heavy & set(run_python("import sys, sklrnn; print(*sys.modules)"))


def test_a_memory_needs_no_torch():
    code = "import sys; from sklrnn import HopfieldMemory; print(*sys.modules)"
    assert not {"matplotlib", "sktime", "torch"} & set(run_python(code))


def test_a_submodule_loads_on_use():
    code = "import sklrnn; print(sklrnn.datasets.__name__)"
    assert run_python(code) == ["sklrnn.datasets"]


def test_public_names_are_listed_and_found():
    assert dir(sklrnn) == sorted(sklrnn.__all__)
    for name in sklrnn.__all__:
        assert getattr(sklrnn, name) is not None
        assert getattr(sklrnn, name) is getattr(sklrnn, name)


def test_unknown_name():
    with pytest.raises(AttributeError, match="module 'sklrnn' has no attribute 'RNN'"):
        _ = sklrnn.RNN


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


@pytest.fixture(scope="module")
def imports():
    """Dict of the names of our modules to the names of the modules they import."""
    return {
        module: set(imported_by(module, without_typing(ast.parse(path.read_text()))))
        for module, path in MODULES.items()
    }


def room(module):
    return module.split(".")[1] if "." in module else "sklrnn"


def test_rooms_import_downwards_only(imports):
    upward = [
        f"{module} imports {other}"
        for module, others in imports.items()
        for other in others
        if room(module) in ROOMS_BELOW
        and other.split(".")[0] == "sklrnn"
        and room(other) not in ROOMS_BELOW[room(module)] | {room(module)}
    ]
    assert not upward


def libraries(modules):
    return {module.split(".")[0] for module in modules}


@pytest.mark.parametrize("library", ROOMS_WITHOUT)
def test_rooms_do_without(library, imports):
    users = {
        room(module) for module in imports if library in libraries(imports[module])
    }
    assert not users & ROOMS_WITHOUT[library]


def test_only_training_knows_skorch(imports):
    users = {module for module in imports if "skorch" in libraries(imports[module])}
    assert users == {"sklrnn.training"}


@pytest.mark.parametrize("name", ["config", "memory", "registry"])
def test_some_rooms_need_the_standard_library_only(name, imports):
    others = libraries(imports[f"sklrnn.{name}"]) - {"sklrnn"}
    assert others <= sys.stdlib_module_names


def test_only_compiled_kernels_know_numba(imports):
    users = {m for m in imports if libraries(imports[m]) & {"llvmlite", "numba"}}
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


def test_no_import_cycles(imports):
    graph = {
        module: {other for other in others if other in MODULES} - {module}
        for module, others in imports.items()
    }
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the modules
