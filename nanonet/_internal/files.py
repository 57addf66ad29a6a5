"""Files written whole or not at all."""

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_BESIDE = ".nanonet-"  # how the name of a file begins that is not whole yet
_HOUR = 3600.0


def check_writable(path: str | Path) -> None:
    """Raise `OSError` unless `write_whole` could write to ``path`` now."""
    with _file_beside(path):
        pass


def write_whole(path: str | Path, content: bytes) -> None:
    """Write a file, or leave whatever was there: no reader ever sees half of it.

    The bytes go to a new file in the same folder, which takes the name, and the
    permissions, of the old one once they are on the disk. On Linux it has no name
    before, and of a process that is killed nothing stays; what stays elsewhere is
    removed an hour later.

    Raises:
      OSError: the file cannot be written; the message names it.
    """
    with _file_beside(path) as (file, beside):
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        if not beside.exists():
            # Of a file that is open; any src_dir_fd makes Python follow the link.
            link = f"/proc/self/fd/{file.fileno()}"
            os.link(link, beside, src_dir_fd=file.fileno())
        file.close()
        os.replace(beside, os.path.realpath(path))


@contextlib.contextmanager
def _file_beside(path: str | Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Open a new file in the folder of ``path``, gone afterwards; and a name for it."""
    old = Path(os.path.realpath(path))
    beside = old.with_name(_BESIDE + secrets.token_hex(8))
    try:
        _check_replaceable(Path(path))
        _remove_what_was_left(old.parent)
        with _nameless(old.parent) or beside.open("xb") as file:
            if old.exists():
                mode = old.stat().st_mode & 0o7777
                os.chmod(beside if beside.exists() else file.fileno(), mode)
            yield file, beside
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(f"{path} cannot be written: {reason}.") from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def _nameless(folder: Path) -> BinaryIO | None:
    """Open a file of this folder that no name leads to; None where there are none."""
    if not hasattr(os, "O_TMPFILE") or not os.path.exists("/proc/self/fd"):
        return None
    try:
        return open(os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o666), "wb")
    except OSError:  # the file system knows no such files, or it is the folder's fault
        return None


def _check_replaceable(path: Path) -> None:
    if path.is_dir():
        raise OSError("it is a folder")
    if path.exists() and not path.is_file():
        raise OSError("it is not a regular file")
    if path.exists() and not os.access(path, os.W_OK):
        raise OSError("it is read-only")
    for stream, name in {1: "standard output", 2: "standard error"}.items():
        if _is_open_as(stream, path):
            raise OSError(f"it is where {name} goes")


def _is_open_as(stream: int, path: Path) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(stream))
    except OSError:  # there is no such file yet, or the stream is closed
        return False


def _remove_what_was_left(folder: Path) -> None:
    for left in folder.glob(f"{_BESIDE}{'?' * 16}"):
        with contextlib.suppress(OSError):  # another process was faster
            if time.time() - left.stat().st_mtime > _HOUR:
                left.unlink()
