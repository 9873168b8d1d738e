from importlib.metadata import EntryPoint

import pytest

from sklrnn import registry


class Distribution:
    def __init__(self, name):
        self.name = name


def point(name, value, distribution, group="sklrnn.cells"):
    made = EntryPoint(name, value, group)
    vars(made)["dist"] = Distribution(distribution)
    return made


@pytest.fixture
def plugins(monkeypatch):
    points = (
        point("theirs", "sklrnn.network.cells.gru:GRU", "good"),
        point("broken", "no_such_module:Cell", "bad"),
        point("twice", "sklrnn.network.cells.gru:GRU", "one"),
        point("twice", "sklrnn.network.cells.lstm:LSTM", "two"),
        point("lstm", "no_such_module:Cell", "squatter"),
    )
    monkeypatch.setattr(registry, "_entry_points", lambda group: points)


def test_built_in_names_come_first(plugins):
    assert registry.find_cell("lstm").__module__ == "sklrnn.network.cells.lstm"


def test_classes_pass_through():
    assert registry.find_cell(Distribution) is Distribution


def test_a_plugin_is_found_by_name(plugins):
    assert registry.find_cell("theirs").__name__ == "GRU"
    assert registry.find_cell("two:twice").__name__ == "LSTM"


def test_a_broken_plugin_breaks_itself_alone_and_says_why(plugins):
    with pytest.raises(registry.PluginError, match="'broken'.*'bad'.*no_such_module"):
        registry.find_cell("broken")


def test_a_name_claimed_twice_is_refused(plugins):
    with pytest.raises(ValueError, match="'one:twice' or 'two:twice'"):
        registry.find_cell("twice")


def test_an_unknown_name_lists_the_known_and_the_nearest(plugins):
    with pytest.raises(ValueError, match="cell must be one of.*did you mean 'lstm'"):
        registry.find_cell("lsmt")
    with pytest.raises(ValueError, match="fusion must be one of"):
        registry.find_fusion("glue")
    with pytest.raises(TypeError, match="cell must be a name or a class"):
        registry.find_cell(3)
