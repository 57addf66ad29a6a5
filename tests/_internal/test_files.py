import os
import stat
import time

import pytest

from nanonet._internal.files import LEFT_OVER, check_writable, write_whole


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_the_mode_of_a_file_is_kept(tmp_path):
    path = tmp_path / "private"
    path.write_bytes(b"old")
    path.chmod(0o600)
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert mode_of(path) == 0o600


def test_a_new_file_has_the_usual_mode(tmp_path):
    (tmp_path / "usual").touch()
    write_whole(tmp_path / "new", b"")
    assert mode_of(tmp_path / "new") == mode_of(tmp_path / "usual")


def test_what_a_killed_process_left_is_removed_once_it_is_old(tmp_path):
    old, young, other = (
        tmp_path / name
        for name in (".nanonet-" + "0" * 16, ".nanonet-" + "1" * 16, ".nanonet-mine")
    )
    for path in (old, young, other):
        path.touch()
    for path in (old, other):
        then = time.time() - 2 * LEFT_OVER
        os.utime(path, (then, then))
    write_whole(tmp_path / "file", b"")
    assert sorted(tmp_path.iterdir()) == [young, other, tmp_path / "file"]


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_an_open_file_is_not_replaced(path):
    with pytest.raises(OSError, match="an open file of this process"):
        check_writable(path)
