"""`python -m convwise`: the command line."""

from __future__ import annotations

import sys

from convwise.cli import main

if __name__ == "__main__":
    sys.exit(main())
