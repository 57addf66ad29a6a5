"""The README's Python runs, and prints what it says."""

import doctest
import pathlib
import re
import shlex

import pytest

from nanonet.cli.main import main

README = pathlib.Path(__file__).parent.parent / "README.md"


@pytest.mark.precision("x64")
def test_python_of_the_readme_prints_what_it_says():
    blocks = re.findall(r"```python\n(.*?)```", README.read_text("utf8"), re.DOTALL)
    source = "\n".join(blocks)
    assert ">>>" in source
    test = doctest.DocTestParser().get_doctest(source, {}, "README", str(README), 0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    assert runner.run(test).failed == 0


@pytest.mark.precision("x64", reason="the command line computes in float64")
def test_commands_of_the_readme_print_what_it_says(capsys):
    samples = re.findall(
        r"`nanonet ([^`]*)` prints:\n\n```text\n(.*?)```",
        README.read_text("utf8"),
        re.DOTALL,
    )
    assert len(samples) == README.read_text("utf8").count("```text") > 0
    for arguments, said in samples:
        assert main(shlex.split(arguments)) == 0
        printed = capsys.readouterr().out
        assert printed.split() == said.split()


def test_the_two_commands_stand_alone():
    """Each is one line that makes its own environment; the tests come second."""
    first, second, *_ = re.findall(
        r"```bash\n(.*?)```", README.read_text("utf8"), re.DOTALL
    )
    for command in (first, second):
        assert command.count("\n") == 1
        assert command.startswith("python3 -m venv")
    assert "pytest" in second
