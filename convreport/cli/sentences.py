"""User errors as a sentence, a hint and an exit code; Ctrl-C as 130."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from convreport.core.base.errors import INTERRUPTED, ConvreportError


@contextmanager
def sentences() -> Iterator[None]:
    """Around the work of a command: what the user can mend is said, anything else keeps its traceback."""
    try:
        yield
    except ConvreportError as error:
        from convreport.cli import console

        console.complain(error)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        print(
            "\nInterrupted; everything drawn so far is kept, and the same command goes on from there.", file=sys.stderr
        )
        raise SystemExit(INTERRUPTED) from None
