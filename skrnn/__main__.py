"""The command line: ``python -m skrnn compare data.csv --text review --target label``."""

import sys

from skrnn._cli import main

if __name__ == "__main__":
    sys.exit(main())
