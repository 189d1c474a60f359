"""User errors as a sentence, a hint and an exit code; Ctrl-C as 130."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from convreport.core.base.errors import INTERRUPTED, ConvreportError, UsageError

# What a disk or its owner says, and no code can mend.
OF_THE_MACHINE = {
    errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.EFBIG,
}  # fmt: skip


@contextmanager
def sentences() -> Iterator[None]:
    """Around the work of a command: what the user can mend is said, anything else keeps its traceback."""
    try:
        yield
    except ConvreportError as error:
        from convreport.cli import console

        console.complain(error)
        raise SystemExit(error.exit_code) from None
    except OSError as error:
        if error.errno not in OF_THE_MACHINE:
            raise
        from convreport.cli import console

        what = error.filename if isinstance(error.filename, str) else "A file"
        told = UsageError(
            f"{what} cannot be read or written ({(error.strerror or str(error)).lower()}).",
            "Make room, or fix the permissions. Everything drawn so far is kept, and the same command continues from there.",
        )
        console.complain(told)
        raise SystemExit(told.exit_code) from None
    except KeyboardInterrupt:
        print(
            "\nInterrupted; everything drawn so far is kept, and the same command continues from there.",
            file=sys.stderr,
        )
        raise SystemExit(INTERRUPTED) from None


def speak_anyhow() -> None:
    """Where the standard streams are closed, nobody is spoken to; letters that a terminal does not know, or that are none
    (bytes of a file's name), are said as their numbers.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 (for as long as we run)
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def flush() -> None:
    """What was said goes out now: where it cannot, that is a sentence, and nothing the interpreter complains of when it ends."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno != errno.EPIPE:  # nobody reads on: `convreport models | head`
            raise
