"""The settings of the library: what they take, and whom they concern."""

import threading

import pytest

from sklrnn import config_context, get_config, set_config


@pytest.fixture(autouse=True)
def restored_config():
    with config_context():
        yield


def test_what_is_set_is_what_one_gets():
    set_config(reuse_memory=False)
    assert get_config() == {"reuse_memory": False}
    set_config()
    set_config(reuse_memory=None)
    assert get_config() == {"reuse_memory": False}


def test_a_changed_copy_changes_nothing():
    get_config()["reuse_memory"] = "never"
    assert get_config() == {"reuse_memory": True}


@pytest.mark.parametrize("value", ["auto", 1, 0.0])
@pytest.mark.parametrize("function", [set_config, config_context])
def test_what_is_wrong_changes_nothing(function, value):
    message = f"reuse_memory must be True, False or None .*, got {value!r}"
    with pytest.raises(TypeError, match=message):
        with function(reuse_memory=value) or config_context():
            raise AssertionError("accepted")
    assert get_config() == {"reuse_memory": True}


def test_a_context_ends():
    with config_context(reuse_memory=False):
        with config_context():
            assert not get_config()["reuse_memory"]
            set_config(reuse_memory=True)
        assert not get_config()["reuse_memory"]
    assert get_config()["reuse_memory"]


def test_a_context_ends_with_an_error():
    with pytest.raises(ZeroDivisionError), config_context(reuse_memory=False):
        1 / 0  # noqa: B018 (raises)
    assert get_config()["reuse_memory"]


def test_threads_start_with_the_defaults_and_keep_to_themselves():
    seen = []

    def work():
        seen.append(get_config())
        set_config(reuse_memory=True)

    set_config(reuse_memory=False)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [{"reuse_memory": True}]
    assert get_config() == {"reuse_memory": False}
