"""Files written whole or not at all."""

import contextlib
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

#: Seconds after which a file that is being written is one that never will be.
LEFT_OVER = 3600.0


def check_writable(path: str | Path) -> None:
    """Raise `OSError` unless `write_whole` could write to ``path`` now."""
    with _file_beside(path):
        pass


def write_whole(path: str | Path, content: bytes) -> None:
    """Write a file, or leave whatever was there: no reader ever sees half of it.

    The bytes go to a new file in the same folder, which takes the name and the mode of
    the old one once they are on the disk.

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
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".nanonet-{secrets.token_hex(8)}")
    try:
        _check_replaceable(Path(path))
        with beside.open("xb") as file:
            if target.exists():  # what was private stays so, before anything is written
                os.chmod(beside, stat.S_IMODE(target.stat().st_mode))
            yield file
            _remove_leftovers(target.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(f"{path} cannot be written: {reason}.") from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def _remove_leftovers(folder: Path) -> None:
    """Remove what processes that were killed while they wrote have left behind."""
    for path in folder.glob(".nanonet-" + "[0-9a-f]" * 16):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > LEFT_OVER:
                path.unlink()


def _check_replaceable(path: Path) -> None:
    if re.match(r"/dev/(std(in|out|err)|fd/)|/proc/", os.path.abspath(path)):
        raise OSError("it is an open file of this process, not a file of its own")
    if path.is_dir():
        raise OSError("it is a folder")
    if path.exists() and not path.is_file():
        raise OSError("it is not a regular file")
    if path.exists() and not os.access(path, os.W_OK):
        raise OSError("it is read-only")
