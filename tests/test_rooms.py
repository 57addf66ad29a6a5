"""The house as a whole: names, rooms and the arrows between them, words that point."""

import ast
import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import nanonet

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "nanonet"
FILES = sorted(PACKAGE.rglob("*.py"))

# From the ground up: a room imports from those before it, and from itself.
ROOMS = [
    *("_internal", "xla", "network", "objectives", "rules", "solve", "roots"),
    *("scalarize", "many", "table", "model", "fitting", "explanation", "plot"),
    *("explorer", "cli", "estimator"),
]
# Rooms that are imported by their names, as nanonet is.
DOORS = ("plot", "estimator")
# (file, what it imports): why the arrow points up.
UPWARD: dict[tuple[str, str], str] = {}

pytestmark = pytest.mark.precision("x32", reason="computes nothing")


def parsed(file):
    return ast.parse(file.read_text("utf8"), str(file))


def imported_rooms(node):
    """The rooms that an import statement takes from; "" is nanonet itself."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif node.module == "nanonet":
        names = [f"nanonet.{alias.name}" for alias in node.names]
    else:
        names = [node.module or "."]
    inside = [name.split(".") for name in names if name.split(".")[0] == "nanonet"]
    return [name[1] if len(name) > 1 else "" for name in inside]


def arrows(node, in_plot=False):
    """Each room that the code under ``node`` imports from, functions included."""
    if isinstance(node, ast.Import | ast.ImportFrom) and not in_plot:
        yield from imported_rooms(node)
    in_plot = in_plot or (isinstance(node, ast.FunctionDef) and node.name == "plot")
    for child in ast.iter_child_nodes(node):
        yield from arrows(child, in_plot)


def test_every_room_is_in_the_list():
    rooms = {info.name for info in pkgutil.iter_modules([str(PACKAGE)])}
    assert rooms == {*ROOMS, "__main__"}


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_down(room):
    below = {*ROOMS[: ROOMS.index(room) + 1]}
    folder = PACKAGE / room
    files = sorted(folder.rglob("*.py")) or [folder.with_suffix(".py")]
    found = {
        (str(file.relative_to(PACKAGE)), target)
        for file in files
        for target in arrows(parsed(file))
        if target not in below
    }
    assert found - UPWARD.keys() == set()


def test_exceptions_from_the_arrows_are_needed():
    for file, target in UPWARD:
        assert target in arrows(parsed(PACKAGE / file))


def test_a_rooms_init_is_its_docstring():
    for file in PACKAGE.rglob("__init__.py"):
        if file.parent not in (PACKAGE, *(PACKAGE / door for door in DOORS)):
            [docstring] = parsed(file).body
            assert isinstance(docstring.value.value, str), file


def test_no_name_hides_the_module_beside_it():
    for info in pkgutil.walk_packages([str(PACKAGE)], "nanonet."):
        if not info.name.endswith("__main__"):
            module = importlib.import_module(info.name)
            parent, _, name = info.name.rpartition(".")
            assert getattr(sys.modules[parent], name) is module, info.name


def test_all_is_every_public_name_in_the_order_of_the_imports():
    imported = [
        alias.asname or alias.name
        for node in parsed(PACKAGE / "__init__.py").body
        if isinstance(node, ast.ImportFrom)
        and node.module.startswith("nanonet")
        and "._internal" not in node.module
        for alias in node.names
    ]
    assert nanonet.__all__ == imported
    public = {
        name
        for name, value in vars(nanonet).items()
        if not (name.startswith("_") or inspect.ismodule(value))
    }
    assert public == {*imported} - {*ROOMS}


@pytest.mark.parametrize("name", nanonet.__all__)
def test_public_names_are_documented(name):
    value = getattr(nanonet, name)
    if inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value):
        # What dataclasses and named tuples write themselves says nothing.
        written = (f"{name}(", "Alias for", "An enumeration")
        documentation = vars(value).get("__doc__") or inspect.getdoc(value)
        assert documentation
        assert not documentation.startswith(written)


def words():
    """Each text that may speak of nanonet's names, by the file it is in."""
    for file in [*FILES, *sorted((ROOT / "benchmarks").glob("*.py"))]:
        yield file, file.read_text("utf8")
    yield ROOT / "README.md", (ROOT / "README.md").read_text("utf8")
    for file in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(file.read_text("utf8"))["cells"]
        yield file, "\n".join("".join(cell["source"]) for cell in cells)


def resolves(dotted):
    value = nanonet
    path = "nanonet"
    for name in dotted.split(".")[1:]:
        path += f".{name}"
        if not hasattr(value, name) and inspect.ismodule(value):
            try:
                importlib.import_module(path)
            except ModuleNotFoundError:
                return False
        if not hasattr(value, name):
            return False
        value = getattr(value, name)
    return True


@pytest.mark.parametrize(
    ("file", "text"), [pytest.param(*pair, id=pair[0].stem) for pair in words()]
)
def test_dotted_names_resolve(file, text):
    for dotted in re.findall(r"(?<![\w./@-])nanonet(?:\.[A-Za-z_]\w*)+", text):
        assert resolves(dotted), dotted


def test_wheel_says_that_it_is_typed(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        **{"cwd": ROOT, "check": True, "capture_output": True},
    )
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        names = content.namelist()
        [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
        version = re.search("^Version: (.*)$", content.read(metadata).decode(), re.M)
    assert {"nanonet/py.typed", "nanonet/explorer/playground/page.html"} <= {*names}
    assert version[1] == nanonet.__version__


def test_docstring_of_nanonet_is_a_map_of_its_functions():
    named = re.findall(r"(?<!`)`([\w.]+)`(?!`)", nanonet.__doc__)
    assert all(resolves(f"nanonet.{name.removeprefix('nanonet.')}") for name in named)
    functions = {
        name
        for name in nanonet.__all__
        if inspect.isroutine(getattr(nanonet, name)) and not name.startswith("scale_by")
    }
    assert functions - {*named} == set()
