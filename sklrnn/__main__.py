"""``python -m sklrnn``: the command `sklrnn`, where it is not on the path."""

import sys

from sklrnn.commands.main import main

if __name__ == "__main__":
    sys.exit(main())
