"""Files written whole or not at all."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


def check_writable(path: str | Path) -> None:
    """Raise `OSError` unless `write_whole` could write to ``path`` now."""
    with _file_beside(path):
        pass


def write_whole(path: str | Path, content: bytes) -> None:
    """Write a file, or leave whatever was there: no reader ever sees half of it.

    The bytes go to a new file in the same folder, which takes the name of the old one
    once they are on the disk.

    Raises:
      OSError: the file cannot be written; the message names it.
    """
    with _file_beside(path) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        file.close()
        os.replace(file.name, os.path.realpath(path))


@contextlib.contextmanager
def _file_beside(path: str | Path) -> Iterator[BinaryIO]:
    """Open a new file in the folder of ``path``; it is gone afterwards."""
    beside = Path(os.path.realpath(path)).with_name(f".nanonet-{secrets.token_hex(8)}")
    try:
        _check_replaceable(Path(path))
        with beside.open("xb") as file:
            yield file
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(f"{path} cannot be written: {reason}.") from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def _check_replaceable(path: Path) -> None:
    if path.is_dir():
        raise OSError("it is a folder")
    if path.exists() and not path.is_file():
        raise OSError("it is not a regular file")
    if path.exists() and not os.access(path, os.W_OK):
        raise OSError("it is read-only")
