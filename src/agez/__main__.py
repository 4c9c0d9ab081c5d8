"""``python -m agez``: the command line."""

import sys

from agez.cli import main

if __name__ == "__main__":  # worker processes import the main module anew
    sys.exit(main())
