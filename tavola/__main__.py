"""`python -m tavola` is `tavola`."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # The working folder: a project there may have packages that are called like ours.

from tavola.cli import main

main()
