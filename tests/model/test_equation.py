"""Equations in every language answer as the model does, to the digits they promise."""

import functools
import io
import itertools
import json
import math
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
import zipfile

import jax
import numpy as np
import pandas as pd
import pytest

import nanonet
from nanonet.model.committee import as_one
from nanonet.model.equation.folded import fold
from nanonet.model.equation.rounded import round_to
from nanonet.model.model import Model
from nanonet.model.rows import outputs
from nanonet.network.layers import ACTIVATIONS, Layer, SkipLayer
from nanonet.network.network import mlp
from nanonet.table.checks import DataWarning
from nanonet.table.columns import Column, scaling
from nanonet.table.encoding import encode, read_cells

NODE = shutil.which("node")
ROWS = 15
NUMBER = Column("net price (€)", None, -2.5e3, 1e2 / 3)
TWO = Column("late", ("no", "yes"))
THREE = Column("kind", ("no", "perhaps", "yes"))

pytestmark = pytest.mark.precision("x64", reason="all of it is float64")


def make_model(hidden, output, target, *, members=1, layers=1, seed=0):
    """A number, a year of 2000 ± 5, three categories; random weights."""
    rng = np.random.default_rng(seed)
    width = 3 if target is THREE else 2 if target is TWO else 1
    network = mlp([5, *[3] * layers, width], hidden, output)
    sizes = network.architecture.sizes
    params = tuple(
        Layer(rng.normal(size=(members, *s)), rng.normal(size=(members, s[1])))
        for s in itertools.pairwise(sizes)
    )
    columns = (
        Column("length", None, 1 / 3, 0.7),
        Column("colour", ("b", "g", "r")),
        Column("year", None, 2000.0, 5.0),
    )
    return Model(*as_one(network, params), columns, (target,))


def make_table(seed=1):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "length": rng.normal(size=ROWS),
            "colour": rng.choice(["b", "g", "r"], ROWS),
            "year": 2000 + 5 * rng.normal(size=ROWS),
        }
    )


def make_skipping(output, target, *, members=1, layers=1, seed=0):
    """With all that a table may have: gaps, categories that are rare, new or missing.

    And outputs that see the inputs.
    """
    rng = np.random.default_rng(seed)
    columns = (
        Column("length", None, 1 / 3, 0.7, missing=True),
        Column("colour", ("b", "g", "r", "")),
        Column("year", None, 2000.0, 5.0, missing=True),
        Column("kind", ("x", "y", "few"), rare=True),
        Column("size", None, 30.0, 4.0),
    )
    inputs = sum(column.width for column in columns)
    sizes = [inputs, *[3] * layers, len(target.levels or "1")]
    params = [
        Layer(rng.normal(size=(members, *s)), rng.normal(size=(members, s[1])))
        for s in itertools.pairwise(sizes)
    ]
    w, b = params.pop()
    params.append(SkipLayer(w, rng.normal(size=(members, inputs, sizes[-1])), b))
    network = mlp(sizes, "tanh", output, skip=True)
    return Model(*as_one(network, tuple(params)), columns, (target,))


def make_table_with_gaps(seed=2):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "length": np.where(rng.random(ROWS) < 0.3, np.nan, rng.normal(size=ROWS)),
            "colour": rng.choice(np.array(["b", "g", "r", None]), ROWS),
            "year": np.where(rng.random(ROWS) < 0.3, np.nan, 2000.0 + np.arange(ROWS)),
            "kind": rng.choice(["x", "y", "few", "new"], ROWS),
            "size": 30 + 4 * rng.normal(size=ROWS),
        }
    )


def truth(model, frame):
    """What JAX computes, in the units of the target; of classes, each output."""
    y = outputs(model.network, model.params, encode(model.inputs, frame))
    mean, scale = scaling(model.targets)
    y = y * scale + mean
    return np.exp(y) if model.targets[0].transform == "log" else y


def rows_of(frame):
    return list(frame.itertuples(index=False, name=None))


def by_python(found, frame):
    module = {}
    exec(compile(found.python(), "equation.py", "exec"), module)
    answers = [module["predict"](*row) for row in rows_of(frame)]
    if isinstance(answers[0], dict):
        assert list(answers[0]) == list(found.named.outputs)
        answers = [list(answer.values()) for answer in answers]
    return np.array(answers).reshape(len(frame), -1)


def by_javascript(found, frame):
    if NODE is None:
        pytest.skip("node is not installed")
    calls = f"{json.dumps(rows_of(frame))}.map((row) => predict(...row))"
    script = (
        f'"use strict";\n{found.javascript()}\nconsole.log(JSON.stringify({calls}))'
    )
    done = subprocess.run([NODE, "-"], input=script, capture_output=True, text=True)
    assert done.stderr == ""
    answers = json.loads(done.stdout)
    if isinstance(answers[0], dict):
        answers = [[answer[name] for name in found.named.outputs] for answer in answers]
    return np.array(answers).reshape(len(frame), -1)


EXCEL = {
    "TANH": math.tanh,
    "EXP": math.exp,  # too much is an error, as in Excel
    "LN": math.log,
    "ABS": abs,
    "MAX": max,
    "MIN": min,
    "NA": lambda: math.nan,
    "IF": lambda condition, a, b: a if condition else b,
    "EXACT": lambda a, b: str(a) == b,
}
TOKEN = re.compile(
    r'"(?:[^"]|"")*"|[A-Z]+(?=\()|[A-Z]{1,3}\d+|\d+(?:\.\d+)?(?:E[+-]?\d+)?|[-+*/(),=]'
)


@functools.cache
def as_python(formula):
    """A formula of the few functions that are written, as code of Python."""
    assert formula.startswith("=")
    assert len(formula) <= 8192
    tokens = TOKEN.findall(formula[1:])
    assert "".join(tokens) == formula[1:]
    texts = {"=": "=="}
    texts |= {t: repr(t[1:-1].replace('""', '"')) for t in tokens if t[0] == '"'}
    return compile("".join(texts.get(t, t) for t in tokens), "formula", "eval")


def excel_value(formula, cells):
    return eval(as_python(formula), {"__builtins__": {}}, EXCEL | cells)


def cells_of(row):
    """What Excel has in the second row; a cell that is missing is empty."""
    blank = ("" if cell is None or cell != cell else cell for cell in row)
    return dict(zip(["A2", "B2", "C2", "D2", "E2"], blank, strict=False))


def by_excel(found, frame):
    formulas = [found.excel(name) for name in found.named.outputs]
    return np.array(
        [[excel_value(f, cells_of(row)) for f in formulas] for row in rows_of(frame)]
    )


def read_workbook(content):
    """Heading, content and whether it is a formula, by cell of the second row."""
    archive = zipfile.ZipFile(io.BytesIO(content))
    for name in archive.namelist():
        ET.fromstring(archive.read(name))
    sheet = ET.fromstring(archive.read("xl/worksheets/sheet1.xml"))
    space = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    headings, cells = sheet.findall(".//m:row", space)
    texts = ["".join(cell.itertext()) for cell in headings]
    found = {}
    for heading, cell in zip(texts, cells, strict=True):
        kind = "f" if cell.find("m:f", space) is not None else cell.get("t", "n")
        found[cell.get("r")] = (heading, "".join(cell.itertext()), kind)
    return found


def by_workbook(found, frame):
    """Cell after cell from the left, as each reads only what is left of it."""
    sheet, answers = read_workbook(found.workbook()), []
    for row in rows_of(frame):
        cells = cells_of(row)
        for place in list(sheet)[len(row) :]:
            _, formula, kind = sheet[place]
            assert kind == "f"
            cells[place] = excel_value(f"={formula}", cells)
        named = {sheet[place][0]: value for place, value in cells.items()}
        labels = found.named.outputs
        if found.named.classes:
            of_classes = [named[f"P({label})"] for label in labels]
            assert named["likeliest"] == labels[np.argmax(of_classes)]
            answers.append(of_classes)
        else:
            answers.append([named[label] for label in labels])
    return np.array(answers)


MATHEMATICS = {
    "tanh": math.tanh,
    "exp": math.exp,
    "sigmoid": lambda z: 1 / (1 + math.exp(-z)),
    "softplus": lambda z: math.log1p(math.exp(-abs(z))) + max(z, 0),
    "relu": lambda z: max(z, 0.0),
}


def by_lines(found, lines, frame):
    """Lines ``name = expression`` of Python, one after the other."""
    answers = []
    parts = [line.partition(" = ") for line in lines]
    steps = [(name, compile(value, name, "eval")) for name, _, value in parts]
    for row in rows_of(frame):
        names = MATHEMATICS | dict(zip(frame.columns, row, strict=True))
        for name, cell in zip(frame.columns, row, strict=True):
            names[f"{name}__missing"] = cell is None or cell != cell
        for name, value in steps:
            names[name] = eval(value, {"__builtins__": {}}, names)
        labels = [
            f"P_{label}" if found.named.classes else "net_price__€_"
            for label in found.named.outputs
        ]
        answers.append([names[label] for label in labels])
    return np.array(answers)


def joined(text, indent, newline):
    """The lines, those that were broken made whole."""
    return text.replace(newline + indent, " ").split(newline)


def in_python(line):
    """What is said in words: what a cell is where it is missing, or is not known."""
    line = re.sub(r"\[(\w+) = missing\]", r"\1__missing", line)
    line = re.sub(r"\[(\w+) = (\w+)\]", r"(\1 == '\2')", line)
    line = re.sub(
        r"(\w+) = (\S+) where it is missing", r"\1 = \2 if \1__missing else \1", line
    )
    return re.sub(
        r"(\w+) = (\w+) where it is none of (.*)",
        r"\1 = \1 if \1 in '\3'.split(', ') else '\2'",
        line,
    )


def by_text(found, frame):
    lines = []
    for line in joined(str(found), "    ", "\n"):
        if " = " not in line or "(z)" in line or line.startswith("[a"):
            continue
        line = line.replace("'net price (€)'", "net_price__€_")
        line = re.sub(r"P\((\w+)\)", r"P_\1", in_python(line))
        lines.append(line.replace("·", "*"))
    return by_lines(found, lines, frame)


def by_latex(found, frame):
    """By the few rules that say what its symbols mean."""
    body = found.latex().removeprefix("\\begin{aligned}\n")
    lines = []
    for line in joined(body.removesuffix("\n\\end{aligned}"), r"&\quad ", " \\\\\n"):
        if "(z)" in line:
            continue
        line = line.replace(" &= ", " = ").replace("net\\ price\\ (€)", "net_price__€_")
        line = re.sub(r"\\cdot 10\^\{(-?\d+)\}", r"*10.0**\1", line)
        line = re.sub(r"_\{([\d,]+)\}", lambda m: m[1].replace(",", "_"), line)
        line = re.sub(r"\\mathrm\{(.*?)\}", r"\1", line).replace("\\ ", " ")
        line = re.sub(r"P\((\w+)\)", r"P_\1", in_python(line))
        line = re.sub(r"e\^\{(\w+)\}", r"exp(\1)", line)
        line = re.sub(r"\\frac\{(.*?)\}\{(.*?)\}", r"((\1)/(\2))", line)
        line = line.replace("\\,", "*").replace("\\sigma", "sigmoid")
        lines.append(line.replace("\\tanh", "tanh").replace("\\exp", "exp"))
    return by_lines(found, lines, frame)


LANGUAGES = [by_python, by_javascript, by_excel, by_workbook, by_text, by_latex]
PAIRS = list(zip(ACTIVATIONS, np.roll(list(ACTIVATIONS), 2).tolist(), strict=True))


@pytest.mark.parametrize(("hidden", "output"), [*PAIRS, ("tanh", "softmax")])
@pytest.mark.parametrize(("target", "members"), [(NUMBER, 2), (TWO, 1), (THREE, 2)])
def test_every_language_with_all_digits(hidden, output, target, members):
    model, frame = make_model(hidden, output, target, members=members), make_table()
    found = model.equation()
    assert found.digits is None
    expected = truth(model, frame)
    languages = LANGUAGES
    if hidden == "softmax" or (output, target) == ("softmax", THREE):
        languages = [language for language in LANGUAGES if language is not by_excel]
        shorter = model.equation(frame)  # all digits may be too long for one formula
        close = {"atol": 2 * shorter.change.max() + 1e-9, "rtol": 0}
        np.testing.assert_allclose(by_excel(shorter, frame), expected, **close)
    for language in languages:
        # Excel has 15 digits; years of 2000 ± 5 cancel two of them and more.
        close = 1e-10 if language in (by_excel, by_workbook) else 1e-12
        tolerance = {"rtol": close, "atol": 10 * close}
        np.testing.assert_allclose(language(found, frame), expected, **tolerance)


LOGARITHM = Column("net price (€)", None, 3.0, 0.2, transform="log")


@pytest.mark.parametrize(
    ("target", "members", "layers"),
    [(LOGARITHM, 2, 1), (NUMBER, 1, 2), (TWO, 2, 1), (THREE, 1, 1)],
)
def test_gaps_logarithms_and_inputs_that_skip(target, members, layers):
    """With all digits, and with as few as move no prediction by more than is said."""
    output = "softmax" if target.levels else "identity"
    model = make_skipping(output, target, members=members, layers=layers)
    frame = make_table_with_gaps()
    expected = truth(model, frame)
    for found in (model.equation(), model.equation(frame)):
        allowed = found.tolerance.max() or 1e-9 * np.abs(expected).max()
        for language in LANGUAGES:
            if language is by_excel and (found.digits is None or layers == 2):
                continue  # too long for one formula
            off = language(found, frame) - expected
            assert np.abs(off).max() <= allowed
    moved = np.abs(by_python(found, frame) - expected).max(axis=0)[-len(found.change) :]
    np.testing.assert_allclose(moved, found.change, rtol=1e-6)
    share = 1e-3 if target.levels else 1e-3 * np.std(expected)
    np.testing.assert_allclose(found.tolerance, share, rtol=1e-12)
    cells = read_cells(model.inputs, frame)
    spread = np.broadcast_to(scaling(model.inputs)[1], cells.shape[1:])
    coarser = round_to(fold(model), cells, spread, found.digits - 1)
    left = coarser(cells) - expected[:, -len(found.change) :]
    assert np.abs(left).max() > share


def test_what_is_missing_by_hand():
    """y = exp(1 + 2 a + 3 [a is missing] + 4 [c = q]), where 5 stands for a."""
    w = np.array([[2.0], [3.0], [0.0], [4.0], [7.0]])
    columns = Column("a", None, 5.0, 1.0, missing=True), Column("c", ("p", "q", ""))
    target = Column("y", transform="log")
    layer = Layer(w, np.array([11.0]))
    model = Model(mlp([5, 1], output="identity"), (layer,), columns, (target,))
    found = model.equation()
    assert str(found) == (
        "a = 5 where it is missing\n"
        "y = exp(1 + 2·a + 3·[a = missing] + 4·[c = q] + 7·[c = missing])\n"
        "[a = b] is 1 where a is b, else 0"
    )
    assert found.excel() == (
        '=EXP(1+2*IF(A2="",5,A2)+3*IF(A2="",1,0)+IF(EXACT(B2,"p"),0,'
        'IF(EXACT(B2,"q"),4,IF(EXACT(B2,""),7,NA()))))'
    )
    module = {}
    exec(found.python(), module)
    for a, c, power in [(0, "p", 1), (None, "q", 18), ("", " ", 21), (-1, None, 6)]:
        assert module["predict"](a, c) == pytest.approx(math.exp(power), rel=1e-14)
    assert module["predict"](math.nan, "p") == pytest.approx(math.exp(14), rel=1e-14)
    if NODE is not None:
        call = f"{found.javascript()}\nconsole.log([predict(undefined, null), " + (
            "predict(NaN, 'p'), predict('', ' ')].map(Math.log).join())"
        )
        done = subprocess.run([NODE, "-"], input=call, capture_output=True, text=True)
        assert [*map(float, done.stdout.split(","))] == pytest.approx([21, 14, 21])
    headings = [heading for heading, _, _ in read_workbook(found.workbook()).values()]
    assert headings == ["a", "c", "a = missing", "a (filled in)", "y"]


@pytest.mark.parametrize("target", [NUMBER, TWO, THREE])
def test_the_digits_are_the_fewest_and_move_no_more_than_they_say(target):
    output = "softmax" if target.levels else "identity"
    model, frame = make_model("tanh", output, target, members=2), make_table()
    found, expected = model.equation(frame), truth(model, frame)
    allowed = 1e-3 if target.levels else 1e-3 * np.std(expected)
    moved = np.abs(by_python(found, frame) - expected).max(axis=0)
    np.testing.assert_allclose(moved[-len(found.change) :], found.change, atol=1e-11)
    assert moved.max() <= allowed
    spread = np.array([0.7, 1, 1, 1, 5])
    coarser = round_to(
        fold(model), read_cells(model.inputs, frame), spread, found.digits - 1
    )
    left = coarser(read_cells(model.inputs, frame)) - expected[:, -len(found.change) :]
    assert np.abs(left).max() > allowed
    for language in LANGUAGES:
        np.testing.assert_allclose(
            language(found, frame), expected, atol=allowed, rtol=0
        )


def test_a_tolerance_of_ones_own():
    model, frame = make_model("tanh", "identity", NUMBER), make_table()
    digits = [model.equation(frame, tolerance=e).digits for e in (10, 1e-1, 1e-3, 1e-6)]
    assert digits == sorted(set(digits))
    for bad in (0, -1, [1, 2], np.nan, np.inf, "a"):
        with pytest.raises(ValueError, match="must be positive, one number"):
            model.equation(frame, tolerance=bad)
    with pytest.raises(ValueError, match="less than float64 can tell"):
        model.equation(frame, tolerance=1e-300)
    with pytest.raises(ValueError, match="of the predictions of rows: give x too"):
        model.equation(tolerance=0.1)


def test_a_network_by_hand():
    """y = 100 + 10 (2 tanh(z) + 1), z = (x - 40)/8 + ½, as it is to be written."""
    layers = (
        Layer(np.array([[1.0]]), np.array([0.5])),
        Layer(np.array([[2.0]]), np.array([1.0])),
    )
    columns = (Column("x", None, 40.0, 8.0),), (Column("y", None, 100.0, 10.0),)
    model = Model(mlp([1, 1, 1], "tanh", "identity"), layers, *columns)
    assert str(model.equation()) == "h1 = tanh(-4.5 + 0.125·x)\ny = 110 + 20·h1"
    assert model.equation().excel() == "=110+20*TANH(-4.5+0.125*A2)"
    placed = model.equation().excel("y", cells={"x": "$B$7"})
    assert placed == "=110+20*TANH(-4.5+0.125*$B$7)"


def test_the_place_of_the_mean_costs_no_digits():
    """Of years as of ages: the constant is longer, the slopes are not."""
    model, frame = make_model("tanh", "identity", NUMBER), make_table()
    length, colour, _ = model.inputs
    moved = Model(
        model.network,
        model.params,
        (length, colour, Column("year", None, 0.0, 5.0)),
        model.targets,
    )
    at_zero = frame.assign(year=frame.year - 2000)
    assert moved.equation(at_zero).digits == model.equation(frame).digits


def test_what_is_saturated_is_no_error_in_excel_or_python():
    for output, target in [("sigmoid", TWO), ("softmax", TWO), ("softmax", THREE)]:
        model, frame = make_model("tanh", output, target), make_table()
        params = (model.params[0], model.params[1]._replace(w=9e3 * model.params[1].w))
        model = Model(model.network, params, model.inputs, model.targets)
        for language in (by_python, by_javascript, by_workbook):
            answers = language(model.equation(), frame)
            np.testing.assert_allclose(answers, truth(model, frame), atol=1e-9)


def test_two_hidden_layers_and_none():
    frame = make_table()
    for layers in (0, 2):
        for target, output in [(NUMBER, "identity"), (THREE, "softmax")]:
            model = make_model("tanh", output, target, members=2, layers=layers)
            found = model.equation(frame)
            for language in (by_python, by_workbook, by_text, by_latex):
                off = language(found, frame) - truth(model, frame)
                assert np.abs(off).max() <= found.tolerance.min()


def test_an_unknown_category_gives_no_number():
    found = make_model("tanh", "identity", NUMBER).equation()
    frame = make_table().iloc[:1].assign(colour="B")
    with pytest.raises(KeyError, match="B"):
        by_python(found, frame)
    assert np.isnan(by_excel(found, frame)).all()
    model, frame = make_model("tanh", "identity", NUMBER), make_table()
    with pytest.warns(DataWarning, match="no row that the model was fitted to is 'B'"):
        some = model.equation(frame.assign(colour=["B", *frame.colour[1:]]))
    assert (some.rows, some.digits) == (14, model.equation(frame[1:]).digits)
    none = frame.assign(colour="B")
    match = "no row whose categories are all known"
    with pytest.warns(DataWarning), pytest.raises(ValueError, match=match):
        model.equation(none)
    if NODE is not None:
        call = f'{found.javascript()}\npredict(1, "B", 2000)'
        done = subprocess.run([NODE, "-"], input=call, capture_output=True, text=True)
        assert "B is no category that is known" in done.stderr


def test_what_excel_does_not_allow():
    model = make_model("tanh", "identity", NUMBER, members=60)
    assert len(read_workbook(model.equation().workbook())) == 3 + 60 * 3 + 1
    with pytest.raises(ValueError, match=r"Excel allows 8,192.*workbook.*one start"):
        model.equation().excel()
    several = make_model("tanh", "softmax", THREE).equation()
    with pytest.raises(ValueError, match="say which output: 'no', 'perhaps', 'yes'"):
        several.excel()
    with pytest.raises(ValueError, match="'maybe' is none of 'no'"):
        several.excel("maybe")
    with pytest.raises(ValueError, match="no cell for 'colour'"):
        several.excel("yes", cells={"length": "A1"})
    levels = tuple(f"{i:03}" for i in range(64))
    layer = Layer(np.arange(64.0)[:, None], np.zeros(1))
    wide = Model(
        mlp([64, 1], output="identity"),
        (layer,),
        (Column("c", levels),),
        (Column("y"),),
    )
    with pytest.raises(
        ValueError, match=r"65 deep in one another, and Excel allows 64"
    ):
        wide.equation().excel()


NASTY = [
    "=1+1", "a\nb", '"', "'''", "a\\", "*/", "//", "</t>", "&amp;", "€", "$x$", "_",
    "1", "def", "h1", "Math", "__proto__", "constructor", "\x01", "a\u2028b", "{}",
    "·", "a" * 200,
]  # fmt: skip


def test_names_meant_to_break_the_source():
    count = len(NASTY)
    rng = np.random.default_rng(0)
    inputs = [Column(name) for name in NASTY] + [Column("c", tuple(NASTY))]
    layer = Layer(rng.normal(size=(2 * count, count)), np.zeros(count))
    classes = [*NASTY[:-1], "\ud800"]
    target = Column("y", tuple(classes))
    model = Model(
        mlp([2 * count, count], output="softmax"), (layer,), tuple(inputs), (target,)
    )
    found = model.equation()
    table = rng.normal(size=(count, count))
    frame = pd.DataFrame(table, columns=NASTY).assign(c=NASTY)
    expected = truth(model, frame)
    np.testing.assert_allclose(by_python(found, frame), expected, atol=1e-12)
    sheet = read_workbook(found.workbook())
    assert [kind for _, _, kind in sheet.values()][: count + 1] == ["n"] * count + [
        "inlineStr"
    ]
    assert "\0" not in found.text()
    assert found.latex().count("\n") == found.latex().count("\\\\\n") + 2
    if NODE is not None:
        script = f"{found.javascript()}\nconst rows = {json.dumps(rows_of(frame))};\n"
        answers = "rows.map((row) => Object.entries(predict(...row)))"
        script += f"console.log(JSON.stringify({answers}))"
        done = subprocess.run([NODE, "-"], input=script.encode(), capture_output=True)
        assert done.stderr == b""
        for pairs, row in zip(json.loads(done.stdout), expected, strict=True):
            values = dict(pairs)
            assert values.keys() == {*classes}
            np.testing.assert_allclose([values[c] for c in classes], row, atol=1e-12)


def test_latex_is_drawn_by_matplotlib():
    mathtext = pytest.importorskip("matplotlib.mathtext")
    parser = mathtext.MathTextParser("path")
    for output, target in [("identity", NUMBER), ("softmax", THREE)]:
        model = make_model(
            "softplus", output, target, members=2 if target is THREE else 1
        )
        found = model.equation(make_table(), tolerance=0.1)
        for line in found.latex().split("\n")[1:-1]:
            drawn = parser.parse(
                f"${line.removesuffix(' ' + chr(92) * 2).replace('&', '')}$"
            )
            assert drawn.width > 0


def test_of_a_fit():
    """Classes by one sigmoid have no model to save, and an equation all the same."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    y = (x[:, 0] + 0.5 * rng.normal(size=60) > 0).astype(int)
    network = mlp([2, 2, 1], "tanh", "sigmoid")
    given = {"rule": "gradient_descent", "l2": 0.1, "max_steps": 20, "starts": 2}
    fit = nanonet.fit(network, x, y, key=jax.random.key(0), **given)
    found = fit.equation()
    assert found.rows == 60
    frame = pd.DataFrame(x, columns=["x1", "x2"])
    np.testing.assert_allclose(
        by_python(found, frame), fit.predict_probabilities(x), atol=1e-3
    )
    assert "P(1) = " in str(found)
    network, digits = repr(found).splitlines()
    named = "committee of 2 networks 2-2-1, tanh and sigmoid"
    assert network == f"Equation of 0, 1 from x1, x2: {named}"
    assert re.fullmatch(
        r"\d digits: of 60 rows no .* moves .* \(allowed: 0.001\)", digits
    )
    assert found._repr_latex_().startswith("$\\displaystyle \\begin{aligned}")
    assert len(str(fit.best.equation())) < len(str(found))


def test_what_has_no_equation():
    model = make_model("tanh", "identity", NUMBER)
    own = Model(
        mlp([5, 3, 1], np.tanh, "identity"), model.params, model.inputs, model.targets
    )
    with pytest.raises(ValueError, match="given by name"):
        own.equation()
    tiny = (Column("length", None, 0.0, 1e-309), *model.inputs[1:])
    with pytest.raises(ValueError, match="beyond float64"):
        Model(model.network, model.params, tiny, model.targets).equation()
