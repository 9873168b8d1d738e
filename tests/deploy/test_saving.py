import sklrnn


def test_names_are_public():
    assert {"save", "load", "describe"} <= set(sklrnn.__all__)
