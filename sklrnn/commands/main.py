"""The command ``sklrnn``: its entrance; `sklrnn.commands` holds what it can do."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from sklrnn.commands import compare, forecast, impute, plugins
from sklrnn.commands.arguments import make_parser
from sklrnn.registry import PluginError

_BROKEN_PIPE = 128 + 13
"""As shells say of a program that SIGPIPE has ended."""

# Each takes the parsed arguments and returns the exit status, or raises a ValueError,
# TypeError, OSError or PluginError if arguments, data or files are unusable. Help and
# wrong arguments are answered at once: the commands import what takes seconds to import
# where they use it.
_RUN = {
    "compare": compare.run,
    "forecast": forecast.run,
    "impute": impute.run,
    "plugins": plugins.run,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; those of the process by default.

    Returns
    -------
    status : int
        0; 1 if ``plugins --check`` finds a broken one; 2 if the arguments or the data
        are unusable: stderr then says why in one line; 141 if nobody reads the output.

    Raises
    ------
    SystemExit
        With 0 after help or version, 2 after arguments that cannot be parsed, and 130
        when interrupted.
    """
    parser = make_parser()
    words = list(sys.argv[1:] if argv is None else argv)
    args = parser.parse_args(words)
    args.words = words[1:]
    if args.command is None:
        parser.print_help(sys.stderr)
        return 2
    with _quiet_interrupt():
        try:
            status = _RUN[args.command](args)
            sys.stdout.flush()
            return status
        except BrokenPipeError:  # who reads has had enough, as of "| head -1"
            _discard_output()
            return _BROKEN_PIPE
        except (ValueError, TypeError, OSError, PluginError) as error:
            print(f"sklrnn: error: {' '.join(str(error).split())}", file=sys.stderr)
            return 2


def _discard_output() -> None:
    """Let what is still to be written go nowhere, so that Python's end is quiet."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _quiet_interrupt() -> Iterator[None]:
    """Exit with 130 on Ctrl-C, without a traceback."""
    if threading.current_thread() is not threading.main_thread():
        yield  # where signals cannot be handled
        return

    def leave(*_: Any) -> NoReturn:
        # Not a KeyboardInterrupt: skorch takes that as the end of one training, and
        # goes on.
        raise SystemExit(130)

    before = signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
