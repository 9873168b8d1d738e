"""What the tests of the commands share."""

import pytest


@pytest.fixture
def fails(request, capsys):
    """Return a function that runs into an error and returns its one line.

    It calls the function `run` of the test's module.
    """

    def run_into_error(*args):
        assert request.module.run(*args) == 2
        stderr = capsys.readouterr().err
        assert stderr.startswith("sklrnn: error: ")
        assert stderr.endswith("\n") and stderr.count("\n") == 1
        return stderr.removeprefix("sklrnn: error: ").strip()

    return run_into_error
