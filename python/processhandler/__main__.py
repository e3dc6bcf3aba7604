"""`python -m processhandler MODULE:CLASS`: what a master runs."""

import sys

from .boot import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
