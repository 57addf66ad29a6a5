"""The notebooks: how each begins and ends, and the answers to their exercises, run."""

import ast
import json
import re
import symtable
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
# Their answers are compared with many fits; in 9 with fewer than it prints.
SLOW = (7, 8, 9, 10)


def number_of(file):
    return int(file.name.split("_")[0])


FILES = sorted(FOLDER.glob("*.ipynb"), key=number_of)

pytestmark = pytest.mark.precision("x64", reason="notebooks turn float64 on")


def cells_of(file):
    return json.loads(file.read_text("utf8"))["cells"]


def texts(cells, kind="markdown"):
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind]


def tagged(cells, tag):
    (cell,) = (c for c in cells if tag in c["metadata"].get("tags", []))
    return "".join(cell["source"])


def answers_of(cells):
    """The code of the answers that are folded away, one text for each exercise."""
    (exercises,) = (text for text in texts(cells) if "## Exercises" in text)
    folded = re.findall(r"<summary>Answer</summary>(.*?)</details>", exercises, re.S)
    return ["\n".join(re.findall(r"```python\n(.*?)```", a, re.S)) for a in folded]


def test_notebooks_are_numbered_from_0():
    assert [*map(number_of, FILES)] == [*range(11)]


@pytest.mark.parametrize("file", FILES, ids=number_of)
def test_a_notebook_says_where_it_leads(file):
    i = FILES.index(file)
    cells = cells_of(file)
    first, *_, last = texts(cells)
    assert first.startswith(f"# {i} ")
    assert "**You will be able to**\n\n- " in first
    beside = [*FILES[max(i - 1, 0) : i], *FILES[i + 1 : i + 2]]
    for text in (first, last):
        links = re.findall(r"\]\(([^)#]*)(?:#[^)]*)?\)", text)
        assert {*links} >= {"README.md", *(other.name for other in beside)}
    for link in re.findall(r"\]\(([\w.]+\.(?:ipynb|md))", "".join(texts(cells))):
        assert (FOLDER / link).exists(), link
    (exercises,) = (text for text in texts(cells) if "## Exercises" in text)
    assert "## Summary\n\n- " in exercises
    count = len(re.findall(r"^\*\*\d\.\*\* ", exercises, re.M))
    assert count >= 2
    for summary in ("Hint", "Answer"):
        assert exercises.count(f"<summary>{summary}</summary>") == count
    assert exercises.count("</details>") == exercises.count("<details>") == 2 * count


@pytest.mark.parametrize("file", FILES, ids=number_of)
def test_outputs_hold_no_warning_and_no_path(file):
    for cell in cells_of(file):
        shown = json.dumps(
            [
                {k: v for k, v in output.items() if k != "data"}
                | {k: v for k, v in output.get("data", {}).items() if k[:5] == "text/"}
                for output in cell.get("outputs", [])
            ]
        )
        assert not re.search(
            r"Warning|Traceback|\bstderr\b|/tmp|/home|/root|/work", shown
        )


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(file, marks=pytest.mark.slow if number_of(file) in SLOW else ())
        for file in FILES
    ],
    ids=number_of,
)
def test_the_folded_answers_are_right(file, capsys):
    cells = cells_of(file)
    blank, answers = tagged(cells, "answers"), answers_of(cells)
    assert names_bound(blank) <= names_bound("\n".join(answers))
    asked = "\n".join([*answers, tagged(cells, "check")])
    code = texts(cells, "code")
    before = "\n".join(code[: code.index(blank)]).replace("1_000_000", "20_000")
    exec("\n".join([needed(before, asked), asked]), {"__name__": "notebook"})
    printed = re.findall(r"^exercise (\d): (.*)$", capsys.readouterr().out, re.M)
    assert printed == [(str(i), "right") for i in range(1, len(answers) + 1)]


def needed(before, asked):
    """The statements of ``before`` on which the names in ``asked`` depend.

    A notebook's pictures, races and times take minutes; its answers need few of them.
    """
    wanted, kept = names_used(asked) - names_bound(asked), []
    for statement in reversed(ast.parse(before).body):
        text = ast.unparse(statement)
        if names_bound(text) & wanted and not isinstance(statement, ast.Expr):
            kept.append(text)
            wanted |= names_used(text)
    return "\n".join(reversed(kept))


def names_used(code):
    """Names that a program and its functions take from its top level."""
    tables = [symtable.symtable(code, "notebook", "exec")]
    for table in tables:
        tables += table.get_children()
    return {
        symbol.get_name()
        for table in tables
        for symbol in table.get_symbols()
        if symbol.is_referenced()
        and (symbol.is_global() or table.get_type() == "module")
    }


def names_bound(code):
    """Names that the top level of a program binds."""
    bound = set()
    for statement in ast.parse(code).body:
        if isinstance(statement, ast.FunctionDef):
            bound.add(statement.name)
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            bound |= {(a.asname or a.name).split(".")[0] for a in statement.names}
        else:
            names = (n for n in ast.walk(statement) if isinstance(n, ast.Name))
            bound |= {n.id for n in names if isinstance(n.ctx, ast.Store)}
    return bound
