"""Names, entry points of distributions that are not what they should be, and lists."""

import subprocess
import sys
from pathlib import Path

import pytest

import sklrnn
from sklrnn import registry
from sklrnn.commands.main import main
from sklrnn.network.cells.gru import GRU
from sklrnn.network.fusions import Concat

GOOD_CELL = """
from sklrnn.network.cells.gru import GRU

class Cell(GRU):
    sklrnn_api = 1
"""
GOOD_FUSION = """
from sklrnn.network.fusions import Concat

class Fusion(Concat):
    sklrnn_api = 1
"""
# What stands in a module, and what the error then says.
BROKEN = {
    "raises": ("raise RuntimeError('no such card')", "RuntimeError: no such card"),
    "leaves": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "empty": ("", "AttributeError: module 'empty' has no attribute 'Cell'"),
    "no_class": ("Cell = print", "must be a class that inherits .*, got <built-in"),
    "other_class": ("from torch.nn import LSTM as Cell", "got the class torch.nn"),
    "no_number": (
        GOOD_CELL.replace("sklrnn_api = 1", "pass"),
        "no_number.Cell does not tell .* needs sklrnn_api = 1",
    ),
    "inherited_number": (
        GOOD_CELL + "class Parent(Cell): pass\nCell = Parent",
        "inherited_number.Parent does not tell .* needs sklrnn_api = 1",
    ),
    "new_number": (
        GOOD_CELL.replace("= 1", "= 2"),
        "declares sklrnn_api = 2, but this version of sklrnn supports 1",
    ),
    "no_step": (
        "from sklrnn.network.cells.base import Cell as Base\n"
        "class Cell(Base):\n    def initial_state(self, batch): pass",
        "a cell must define step or advance, but no_step.Cell does not",
    ),
}


class Site:
    """A folder on the path, to install distributions in."""

    def __init__(self, path):
        self.path = path

    def install(self, name, entry_points, version="1.0", **modules):
        folder = self.path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        (folder / "entry_points.txt").write_text(entry_points)
        for module, code in modules.items():
            (self.path / f"{module}.py").write_text(code)

    def install_cell(self, name, cell, module, code=GOOD_CELL):
        points = f"[sklrnn.cells]\n{cell} = {module}:Cell\n"
        self.install(name, points, **{module: code})


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    registry._forget_entries()
    loaded = set(sys.modules)
    yield Site(tmp_path)
    for name in set(sys.modules) - loaded:
        if (tmp_path / f"{name}.py").exists():
            del sys.modules[name]
    monkeypatch.undo()
    registry._forget_entries()


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """Take back what a test registers."""
    monkeypatch.setattr(registry, "_REGISTERED", {g: {} for g in registry._BUILT_IN})


def status(name, **options):
    (row,) = (row for row in sklrnn.plugins(**options) if row.name == name)
    return row.status


# ---- names and classes ------------------------------------------------------------


def test_built_in_names():
    assert registry.find_cell("lstm").__module__ == "sklrnn.network.cells.lstm"
    assert registry.find_cell("sklrnn:lstm") is registry.find_cell("lstm")
    assert registry.find_fusion("gated").__name__ == "Gated"


def test_every_built_in_name_is_of_a_class_that_keeps_the_contract():
    for group, names in registry._BUILT_IN.items():
        for name in names:
            registry._check_class(registry._find(name, group), group)
    rows = [row for row in sklrnn.plugins() if row.distribution == "sklrnn"]
    assert {row.status for row in rows} == {"ok"}


def test_classes_pass_through():
    assert registry.find_cell(GRU) is GRU
    assert registry.find_fusion(Concat) is Concat


def test_what_is_no_name_and_no_class():
    with pytest.raises(TypeError, match="cell must be a name or a class, got 3"):
        registry.find_cell(3)
    with pytest.raises(TypeError, match="must be a class that inherits from .*Cell"):
        registry.find_cell(dict)
    with pytest.raises(TypeError, match="must be a class that inherits from torch.nn"):
        registry.find_fusion(dict)


def test_an_unknown_name_lists_the_known_and_the_nearest(site):
    site.install_cell("their-package", "theirs", "their_module")
    with pytest.raises(ValueError, match="cell must be one of.*did you mean 'lstm'"):
        registry.find_cell("lsmt")
    with pytest.raises(ValueError, match="'theirs'.*did you mean 'theirs'"):
        registry.find_cell("thiers")
    with pytest.raises(ValueError, match="did you mean 'their-package:theirs'"):
        registry.find_cell("their-packag:theirs")
    with pytest.raises(ValueError, match="fusion must be one of") as caught:
        registry.find_fusion("glue")
    assert "did you mean" not in str(caught.value)
    assert "worker" not in str(caught.value)


# ---- entry points -----------------------------------------------------------------


def test_a_plugin_is_found_by_name(site):
    points = "[sklrnn.cells]\ntheirs = theirs:Cell\n[sklrnn.fusions]\nglue = g:Fusion\n"
    site.install("Their.Package", points, theirs=GOOD_CELL, g=GOOD_FUSION)
    assert registry.find_cell("theirs").__module__ == "theirs"
    assert registry.find_fusion("glue").__module__ == "g"
    for name in ("Their.Package:theirs", "their-package:theirs"):
        assert registry.find_cell(name) is registry.find_cell("theirs")


def test_what_is_installed_later_is_found(site):
    with pytest.raises(ValueError, match="cell must be one of"):
        registry.find_cell("theirs")
    site.install_cell("their-package", "theirs", "theirs")
    assert registry.find_cell("theirs").__module__ == "theirs"


def test_each_broken_plugin_breaks_itself_alone_and_says_why(site):
    for module, (code, _) in BROKEN.items():
        site.install_cell(f"the-{module}", f"a_{module}", module, code)
    site.install("no-module", "[sklrnn.cells]\nlost = no_such_module:Cell\n")
    site.install("no-path", "[sklrnn.cells]\nwords = two words\n")
    site.install_cell("good", "theirs", "theirs")
    assert registry.find_cell("theirs").__module__ == "theirs"
    for module, (_, cause) in BROKEN.items():
        where = (
            f"the plug-in 'a_{module}' of the distribution 'the-{module}' 1.0 \\(entry "
            f"point '{module}:Cell' in the group 'sklrnn.cells'\\) cannot be used: .*"
        )
        with pytest.raises(registry.PluginError, match=where + cause):
            registry.find_cell(f"a_{module}")
    with pytest.raises(registry.PluginError, match="No module named 'no_such_module'"):
        registry.find_cell("lost")
    with pytest.raises(registry.PluginError, match="'two words'.*cannot be used"):
        registry.find_cell("words")
    assert status("theirs") == status("lost") == "not loaded"
    assert status("theirs", load=True) == "ok"
    assert status("lost", load=True).startswith("broken: ModuleNotFoundError: No mod")
    assert status("a_new_number", load=True).startswith("broken: new_number.Cell decl")


def test_an_unreadable_file_breaks_its_distribution_alone(site):
    site.install("nonsense", "[sklrnn.cells]\nno equals sign\n")
    site.install_cell("good", "theirs", "theirs")
    (site.path / "nameless-1.dist-info").mkdir()
    nameless = site.path / "nameless-1.dist-info" / "entry_points.txt"
    nameless.write_text("[sklrnn.cells]\nnameless = theirs:Cell\n")
    assert registry.find_cell("theirs") is registry.find_cell("nameless")
    (row,) = (row for row in sklrnn.plugins() if row.distribution == "nonsense")
    assert row.status.startswith("broken: ") and row.kind == "cell"
    with pytest.raises(ValueError, match="cell must be one of") as caught:
        registry.find_cell("no equals sign")
    assert "(all)" not in str(caught.value)


def test_a_name_claimed_twice_is_refused(site):
    site.install_cell("one", "twice", "first")
    site.install_cell("two", "twice", "second")
    with pytest.raises(ValueError, match="choose 'one:twice' or 'two:twice'"):
        registry.find_cell("twice")
    assert registry.find_cell("two:twice").__module__ == "second"
    rows = [row for row in sklrnn.plugins(load=True) if row.name == "twice"]
    assert [row.distribution for row in rows] == ["one", "two"]
    assert {row.status for row in rows} == {
        "ambiguous: choose 'one:twice' or 'two:twice'"
    }


def test_a_name_claimed_twice_by_one_distribution(site):
    points = "[sklrnn.cells]\ntwice = first:Cell\ntwice = second:Cell\n"
    site.install("one", points, first=GOOD_CELL, second=GOOD_CELL)
    with pytest.raises(ValueError, match="'one:twice' is declared 2 times"):
        registry.find_cell("twice")


def test_a_distribution_found_twice_counts_once(site, tmp_path_factory, monkeypatch):
    behind = Site(tmp_path_factory.mktemp("behind"))
    behind.install_cell("their-package", "theirs", "theirs")
    site.install("their_package", "[sklrnn.cells]\ntheirs = theirs:Cell\n", "2.0")
    monkeypatch.syspath_prepend(behind.path)
    monkeypatch.syspath_prepend(site.path)
    (row,) = (row for row in sklrnn.plugins() if row.name == "theirs")
    assert row.version == "2.0"


def test_a_built_in_name_cannot_be_taken(site):
    site.install_cell("squatter", "lstm", "squat")
    assert registry.find_cell("lstm").__module__ == "sklrnn.network.cells.lstm"
    assert registry.find_cell("squatter:lstm").__module__ == "squat"
    (row,) = (row for row in sklrnn.plugins() if row.distribution == "squatter")
    assert row.status == "hidden: 'lstm' is built in; write 'squatter:lstm'"


# ---- registration -----------------------------------------------------------------


def test_register():
    @sklrnn.register_cell("mine")
    class Mine(GRU):
        pass

    assert sklrnn.register_fusion("glue", Concat) is Concat
    assert registry.find_cell("mine") is Mine
    assert registry.find_fusion("glue") is Concat
    rows = [row for row in sklrnn.plugins() if row.distribution is None]
    assert [row.name for row in rows] == ["mine", "glue"]


def test_a_registered_name_goes_before_one_that_is_plugged_in(site):
    site.install_cell("good", "theirs", "theirs")
    sklrnn.register_cell("theirs", GRU)
    assert registry.find_cell("theirs") is GRU
    assert registry.find_cell("good:theirs").__module__ == "theirs"
    (row,) = (row for row in sklrnn.plugins() if row.distribution == "good")
    assert row.status == "hidden: 'theirs' is registered; write 'good:theirs'"


def test_a_class_defined_again_replaces_itself():
    def define():
        class Mine(GRU):
            pass

        return Mine

    old, new = define(), define()
    sklrnn.register_cell("mine", old)
    sklrnn.register_cell("mine", new)
    assert registry.find_cell("mine") is new
    with pytest.raises(ValueError, match="'mine' is registered already, as .*Mine;"):
        sklrnn.register_cell("mine", GRU)
    sklrnn.register_cell("mine", GRU, replace=True)
    assert registry.find_cell("mine") is GRU


@pytest.mark.parametrize(
    ("name", "cell", "error", "text"),
    [
        ("lstm", GRU, ValueError, "'lstm' is built in"),
        ("", GRU, ValueError, "must not be empty"),
        ("a:b", GRU, ValueError, "or contain ':', got 'a:b'"),
        (GRU, None, TypeError, 'write @register_cell\\("name"\\)'),
        ("mine", dict, TypeError, "inherits from sklrnn.network.cells.base.Cell"),
        ("mine", GRU(1, 1), TypeError, "inherits from sklrnn.network.cells.base.Cell"),
    ],
)
def test_what_cannot_be_registered(name, cell, error, text):
    with pytest.raises(error, match=text):
        sklrnn.register_cell(name, cell)
    assert not registry._REGISTERED["sklrnn.cells"]


def find_mine():
    try:
        registry.find_cell("mine")
    except ValueError as error:
        return str(error)


def test_a_worker_says_what_it_cannot_know():
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import joblib, sklrnn\n"
        "from sklrnn.network.cells.gru import GRU\n"
        "sklrnn.register_cell('mine', GRU)\n"
        "from test_registry import find_mine\n"
        "assert find_mine() is None\n"
        "print(joblib.Parallel(2)([joblib.delayed(find_mine)()])[0])\n"
    )
    printed = subprocess.check_output(
        [sys.executable, "-c", script, str(Path(__file__).parent)], text=True
    )
    assert "given to register_cell in the main process is not known in its workers" in (
        printed
    )


# ---- the list ---------------------------------------------------------------------


def test_the_list_imports_nothing():
    code = (
        "import sys, sklrnn; print(sklrnn.plugins()[0]);"
        "assert not {'torch', 'numpy', 'pandas'} & set(sys.modules)"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert printed.startswith("Plugin(kind='cell', name='elman', distribution='sklrnn'")


def test_the_check_of_the_command_runs_check_cell(site, capsys):
    faulty = GOOD_CELL + (
        "    def step(self, x, state):\n"
        "        output, state = super().step(x, state)\n"
        "        return output * 0, state\n"
        "    def sequence(self, x, state=None):\n"
        "        output, state = super().sequence(x, state)\n"
        "        return output * 0, state\n"
    )
    site.install_cell("faulty", "zero", "zeroing", faulty)
    assert main(["plugins"]) == 0
    assert main(["plugins", "--check"]) == 1
    printed = capsys.readouterr().out
    assert "broken: its check fails, see below" in printed
    assert "faulty:zero: Cell lacks" in printed
    assert "- every weight gets a gradient: " in printed


def test_the_command_prints_a_table(site, capsys):
    site.install_cell("good", "theirs", "theirs", GOOD_CELL)
    site.install_cell("bad", "broken", "raises", BROKEN["raises"][0])
    assert main(["plugins"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["KIND", "NAME", "DISTRIBUTION", "VERSION", "STATUS"]
    start = header.index("STATUS")
    assert len(rows) == len(sklrnn.plugins())
    assert {"ok", "not loaded"} <= {row[start:] for row in rows}
    assert rows[0].split()[2:4] == ["sklrnn", sklrnn.__version__]
    assert main(["plugins", "--check"]) == 1
    header, *rows = capsys.readouterr().out.splitlines()
    statuses = {row.split()[1]: row[header.index("STATUS") :] for row in rows}
    assert statuses["theirs"] == "ok"
    assert statuses["broken"] == "broken: RuntimeError: no such card"
    (site.path / "raises.py").write_text(GOOD_CELL)
    assert main(["plugins", "--check"]) == 0
