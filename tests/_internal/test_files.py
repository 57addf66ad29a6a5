import os
import subprocess
import sys
from pathlib import Path

import pytest

from nanonet._internal.files import check_writable, write_whole

# Files know nothing of float64.
pytestmark = pytest.mark.precision("x64")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_a_file_keeps_its_permissions(mode, tmp_path):
    path = tmp_path / "private"
    path.write_bytes(b"old")
    path.chmod(mode)
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == mode


def test_a_new_file_has_the_permissions_of_new_files(tmp_path):
    (tmp_path / "usual").touch()
    write_whole(tmp_path / "new", b"")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_what_a_killed_process_left_is_removed_an_hour_later(tmp_path):
    left, at_work = tmp_path / f".nanonet-{'0' * 16}", tmp_path / f".nanonet-{'1' * 16}"
    other = tmp_path / ".nanonet-settings"
    for path in (left, at_work, other):
        path.touch()
    for path in (left, other):
        os.utime(path, (0, 0))
    check_writable(tmp_path / "m")
    assert set(tmp_path.iterdir()) == {at_work, other}


KILLED = """
import os, runpy, signal, sys
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
runpy.run_path(sys.argv[1])["write_whole"](sys.argv[2], b"new")
"""


@pytest.mark.linux
def test_a_process_killed_as_it_writes_leaves_nothing(tmp_path):
    from nanonet._internal import files

    path = tmp_path / "old"
    path.write_bytes(b"old")
    command = [sys.executable, "-c", KILLED, files.__file__, str(path)]
    assert subprocess.run(command, check=False).returncode == -9
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_where_every_file_has_a_name_it_is_written_the_same(
    mode, tmp_path, monkeypatch
):
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    test_a_file_keeps_its_permissions(mode, tmp_path)
    assert len([*tmp_path.iterdir()]) == 1


WRITE = """
import runpy, sys
runpy.run_path(sys.argv[1])["write_whole"](sys.argv[2], b"new")
"""


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1", "log", "/dev/stderr"])
def test_the_file_that_a_stream_goes_to_is_not_replaced(path, tmp_path):
    from nanonet._internal import files

    log = tmp_path / "log"
    log.write_text("old\n")
    stream = "stderr" if "err" in path else "stdout"
    with log.open("a") as end:
        done = subprocess.run(
            [sys.executable, "-c", WRITE, files.__file__, path],
            cwd=tmp_path,
            check=False,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: end},
        )
    assert done.returncode == 1
    assert log.read_text().startswith("old\n")
    told = (done.stderr or b"").decode() + log.read_text()
    assert f"{path} cannot be written: it is where standard {stream[3:]}" in told
    assert list(tmp_path.iterdir()) == [Path(log)]
