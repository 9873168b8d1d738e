"""The entrance of the command line; tests/commands/ has what each command does."""

import subprocess
import sys

import pytest

from sklrnn import __version__
from sklrnn.commands.main import main


def test_version(capsys):
    with pytest.raises(SystemExit) as leaving:
        main(["--version"])
    assert leaving.value.code == 0
    assert capsys.readouterr().out == f"sklrnn {__version__}\n"


def test_no_command_is_help(capsys):
    assert main([]) == 2
    stderr = capsys.readouterr().err
    assert "forecast" in stderr and "impute" in stderr


@pytest.mark.parametrize("command", ["forecast", "impute", "plugins"])
def test_help_is_quick(command):
    code = (
        "import sys, sklrnn.commands.main\n"
        f"try: sklrnn.commands.main.main(['{command}', '--help'])\n"
        "finally: assert not {'torch', 'pandas', 'sktime'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_package_runs_as_the_command():
    command = [sys.executable, "-m", "sklrnn", "--version"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout == f"sklrnn {__version__}\n"
