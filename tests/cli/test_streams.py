"""What is printed where the terminal, the encoding or a name is unusual."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import nanonet
from nanonet.cli.main import main

# The command line turns float64 on by itself.
pytestmark = pytest.mark.precision("x32")

ROOT = Path(nanonet.__file__).parents[1]


def run(*arguments, before="", **environment):
    """The command line, run by a shell that may redirect before."""
    shell = ["/bin/sh", "-c", f'exec "$@" {before}', "sh"]
    return subprocess.run(
        [*shell, sys.executable, "-m", "nanonet", *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        check=False,
    )


def test_a_closed_standard_output_is_told_before_the_work():
    done = run("xor", before=">&-")
    assert done.returncode == 2
    assert done.stderr == b"nanonet: error: standard output is closed.\n"
    done = run("xor", "--starts", "0", before=">&- 2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", b"")


@pytest.mark.parametrize("as_program", [True, False])
def test_ctrl_c_while_it_is_imported_is_one_line(tmp_path, as_program):
    press = "import signal\nsignal.raise_signal(signal.SIGINT)\n"
    (tmp_path / "jax.py").write_text(press)
    program = ["-m", "nanonet"] if as_program else ["-c", "import nanonet"]
    done = subprocess.run(
        [sys.executable, *program],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        check=False,
    )
    assert done.stdout == b""
    if as_program:
        assert (done.returncode, done.stderr) == (130, b"nanonet: interrupted\n")
    else:
        assert done.stderr.endswith(b"KeyboardInterrupt\n")


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_an_encoding_without_the_letters_shows_what_it_can(encoding):
    done = run("explain", PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    assert "J = " in done.stdout.decode(encoding)


@pytest.mark.slow
def test_data_lose_no_letter(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{i},{'é' if i % 2 else 'e'}\n" for i in range(20))
    Path("t.csv").write_text("x,kind\n" + rows, encoding="utf8")
    fit = ["fit", "t.csv", "--target", "kind", "--starts", "1", "--max-steps", "1"]
    assert main([*fit, "--json"]) == 0
    done = run("predict", "t.nanonet", "t.csv", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"standard output is ascii, which has no '\\xe9'; write to" in done.stderr
    written = run("predict", "t.nanonet", "t.csv", PYTHONIOENCODING="latin-1").stdout
    assert "é" in written.decode("latin-1")


def test_a_name_no_terminal_obeys(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("a\x1b[31m,y\n1,2\n2,\x1b[2J\n")
    assert main(["fit", "t.csv", "--target", "y"]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_a_name_with_nul(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["fit", "iris", "--target", "species", "--out", "a\0b"]) == 2
    error = capsys.readouterr().err
    assert error == "nanonet: error: --out 'a\\x00b': no file's name may hold a NUL.\n"
