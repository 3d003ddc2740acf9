"""Lets ``python -m reflekt_core`` be `reflekt`."""

import sys

from reflekt_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
