"""Networks of MATLAB's genFunction, beside what Octave computes of the same files.

tests/model/matlab holds functions as several versions of genFunction write them, with
numbers of their own, and answers.json what Octave 7.3 printed for some inputs. Where
Octave is installed, it is asked again, also of what nanonet writes. Set NANONET_FUZZ to
try more altered files.
"""

import dataclasses
import functools
import inspect
import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import FUZZ

import nanonet
from nanonet.model.committee import as_one
from nanonet.model.matlab.reading import import_matlab
from nanonet.model.matlab.source import MatlabError
from nanonet.model.matlab.writing import export_matlab
from nanonet.model.model import Model, predict
from nanonet.model.rows import outputs
from nanonet.network.layers import ACTIVATIONS, Layer, SkipLayer
from nanonet.network.network import mlp
from nanonet.rules._parts.registry import NAMED
from nanonet.table.columns import Column, scaling

NETS = Path(__file__).parent / "matlab"
ANSWERS = json.loads((NETS / "answers.json").read_text("utf8"))
OCTAVE = shutil.which("octave-cli")

pytestmark = pytest.mark.precision("x64", reason="reading turns float64 on by itself")


def ask_octave(path, x, *, rows=False):
    """What the function in the file answers, a row for each row of x."""
    if OCTAVE is None:
        pytest.skip("Octave is not installed")
    written = ";".join(" ".join(map(repr, row)) for row in np.asarray(x).tolist())
    turn = "" if rows else "'"
    script = f"x = [{written}]; y = {path.stem}(x{turn}){turn}; printf('%.17g ', y');"
    command = [OCTAVE, "--no-init-file", "--path", path.parent, "--eval", script]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return np.array(done.stdout.split(), float).reshape(len(x), -1)


def answers(model, x):
    """The outputs in the targets' units; of classes, the probabilities."""
    if model.targets[0].levels is not None:
        return model.predict_probabilities(x)
    return predict(model, x).reshape(len(x), -1)


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_a_network_of_matlab_answers_as_octave_says(name):
    model = import_matlab(NETS / f"{name}.m")
    x, expected = (np.array(ANSWERS[name][key]) for key in "xy")
    np.testing.assert_allclose(answers(model, x), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_octave_says_so_today(name):
    x, expected = (np.array(ANSWERS[name][key]) for key in "xy")
    found = ask_octave(NETS / f"{name}.m", x, rows=name == "deep_net")
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


def test_what_is_read():
    fit = import_matlab(NETS / "fit_net.m", inputs=["a", "day", "c"], outputs=["load"])
    assert repr(fit) == "Model: network 3-10-1, tanh and identity; a, day, c → load"
    assert (fit.inputs[1].mean, fit.inputs[1].scale) == (736787, 4)
    classes = import_matlab(NETS / "pattern_net.m")
    x = np.array(ANSWERS["pattern_net"]["x"])
    likeliest = np.argmax(ANSWERS["pattern_net"]["y"], axis=1)
    assert predict(classes, x).tolist() == [str(k + 1) for k in likeliest]
    named = import_matlab(NETS / "pattern_net.m", outputs=["x", "y", "z"])
    assert named.targets == (Column("class", ("x", "y", "z")),)
    with pytest.raises(ValueError, match="for classes, not for numbers"):
        fit.predict_probabilities(x[:, :3])
    # Rows 3 and 5 were constant in MATLAB, and so was the second output.
    deep = import_matlab(NETS / "deep_net.m")
    assert deep.network.architecture.sizes == (5, 4, 3, 3)
    x = np.array(ANSWERS["deep_net"]["x"])
    moved = predict(deep, x + np.array([0, 0, 9, 0, 9]))
    np.testing.assert_array_equal(moved, predict(deep, x))
    assert set(moved[:, 1]) == {7.25}


COLUMNS = Column("a%b\n", None, 1 / 3, 0.7), Column("colour", ("b", "g", "r"))


def make_model(hidden, output, target, columns=COLUMNS, *, members=1, skip=False):
    rng = np.random.default_rng(1)
    targets = target if isinstance(target, tuple) else (target,)
    n_in, n_out = (sum(c.width for c in each) for each in (columns, targets))
    network = mlp([n_in, 3, 3, n_out], hidden, output, skip=skip)
    params = tuple(
        Layer(rng.normal(size=(members, *s)), rng.normal(size=(members, s[1])))
        for s in itertools.pairwise(network.architecture.sizes)
    )
    if skip:
        s = rng.normal(size=(members, n_in, n_out))
        params = (*params[:-1], SkipLayer(params[-1].w, s, params[-1].b))
    return Model(*as_one(network, params), columns, targets)


NUMBERS = Column("price", None, -2.5e3, 1e2 / 3), Column("y")
CLASSES = Column("kind", ("no", "perhaps", "yes"))
CASES = [
    *((hidden, "identity", NUMBERS, 1) for hidden in ACTIVATIONS),
    *(("tanh", output, CLASSES, 1) for output in ACTIVATIONS),
    *((hidden, "identity", NUMBERS, 3) for hidden in ("tanh", "softmax")),
    ("tanh", "softmax", CLASSES, 2),
]


def test_what_nanonet_writes_is_read_again_and_octave_runs_it(tmp_path):
    """All in one call of Octave, for it starts slowly."""
    x = np.column_stack([np.linspace(-2, 2, 6), np.eye(3)[[0, 1, 2, 2, 1, 0]]])
    written = []
    for i, (hidden, output, target, members) in enumerate(CASES):
        model = make_model(hidden, output, target, members=members)
        export_matlab(model, tmp_path / f"net{i}.m")
        mean, scale = scaling(model.inputs)
        y = outputs(model.network, model.params, (x - mean) / scale)
        mean, scale = scaling(model.targets)
        expected = y * scale + mean
        written.append((f"net{i}", expected))
        if members > 1 and "softmax" in (hidden, output):
            with pytest.raises(MatlabError, match=r"member1.* is not what genFunction"):
                import_matlab(tmp_path / f"net{i}.m")
            continue
        again = import_matlab(tmp_path / f"net{i}.m")
        close = {"rtol": 1e-12, "atol": 1e-12}
        np.testing.assert_allclose(answers(again, x), expected, **close)
    calls = "; ".join(f"y = [y, {name}(x1)']" for name, _ in written)
    whole = f"function y = whole(x1)\ny = []; {calls};\ny = y';\nend\n"
    (tmp_path / "whole.m").write_text(whole)
    found = ask_octave(tmp_path / "whole.m", x)
    expected = np.hstack([expected for _, expected in written])
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


GAPS = (
    Column("age", None, 40.0, 8.0, missing=True),
    Column("area", None, 70.0, 20.0),
    Column("rooms", None, 3.0, 1.5, missing=True),
)
LOGARITHM = Column("price", None, 5.0, 0.3, transform="log")


def test_gaps_logarithms_and_inputs_that_skip(tmp_path):
    """Octave runs what is written, and what is read of it answers likewise."""
    rng = np.random.default_rng(3)
    x = np.array([40.0, 70.0, 3.0]) + rng.normal(size=(6, 3)) * [8, 20, 1.5]
    x[[0, 2, 2, 3], [0, 0, 2, 2]] = np.nan
    calls, expected = [], []
    two = Column("weight"), LOGARITHM
    for i, (hidden, output, target, columns, members) in enumerate(
        [
            ("tanh", "identity", LOGARITHM, GAPS, 2),
            ("tanh", "softmax", CLASSES, GAPS, 1),
            ("softmax", "identity", LOGARITHM, GAPS, 2),
            ("relu", "identity", two, GAPS, 1),
            ("tanh", "identity", NUMBERS, (Column("a", missing=True), *GAPS[1:]), 1),
        ]
    ):
        model = make_model(hidden, output, target, columns, members=members, skip=True)
        export_matlab(model, tmp_path / f"gaps{i}.m")
        expected.append(answers(model, x))
        calls.append(f"y = [y, gaps{i}(x1)']")
        if hidden != "tanh":
            with pytest.raises(MatlabError, match="is not what genFunction writes"):
                import_matlab(tmp_path / f"gaps{i}.m")
            continue
        again = import_matlab(tmp_path / f"gaps{i}.m")
        assert [c.missing for c in again.inputs] == [True, False, True]
        np.testing.assert_allclose(answers(again, x), expected[-1], rtol=1e-12)
    whole = f"function y = whole(x1)\ny = []; {'; '.join(calls)};\ny = y';\nend\n"
    (tmp_path / "whole.m").write_text(whole)
    found = ask_octave(tmp_path / "whole.m", x)
    np.testing.assert_allclose(found, np.hstack(expected), rtol=1e-12, atol=1e-12)
    text = (tmp_path / "gaps0.m").read_text("utf8")
    assert "row 1: 'age', or NaN where it is missing" in text
    for old, new, message in [
        ("indicators = [2.0 5.0]", "indicators = [2.0 6.0]", "missingcells stands wh"),
        ("means = [40.0", "means = [41.0", "missingcells stands where"),
        ("y1 = exp(y1);", "y1 = exp(y1);\ny1 = exp(y1);", "exp stands where"),
        ("IW3_1*xp1", "IW3_1*x1", "a3 reads x1 and a2; nanonet reads"),
        ("IW3_1*xp1", "IW3_2*xp1", "is not what genFunction writes"),
        ("IW3_1 = [", "IW3_1 = [0 ", "IW3_1 is 1x6, but must be 1x5"),
        ("+ LW2_1*a1", "+ IW2_1*xp1 + LW2_1*a1", "a2, which reads the input too"),
    ]:
        assert old in text
        refused(tmp_path, text.replace(old, new), message)


def test_a_name_that_matlab_does_not_allow(tmp_path):
    model = make_model("tanh", "softmax", CLASSES)
    for name in ("2-net", "for"):
        with pytest.raises(ValueError, match=f"'{name}' cannot name a function of MA"):
            export_matlab(model, tmp_path / f"{name}.m")


FIT = (NETS / "fit_net.m").read_text("utf8")


def refused(tmp_path, text, message):
    path = tmp_path / "net.m"
    path.write_text(text, "utf8")
    with pytest.raises(MatlabError, match=message):
        import_matlab(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("fit_net(x1)", "fit_net(x1,xi1)", "takes x1, xi1: a network of series"),
        ("fit_net(x1)", "fit_net(x1,x2)", r"has several inputs \(x1, x2\)"),
        ("fit_net(x1)", "fit_net(u)", r"takes other arguments \(u\)"),
        ("[y1] =", "[y1,y2] =", "returns y1, y2; nanonet reads networks of one output"),
        ("IW1_1*xp1", "IW1_1*xp1 + IW1_2*xp2", "line 43: a1 reads xp1 and xp2"),
        ("IW1_1*xp1", "IW1_1*tapdelay1", "line 43: tapdelay1 is a delay"),
        ("xp1 = mapminmax_apply(x1", "Xd1{1} = mapminmax_apply(xi1", "Xd1 is a delay"),
        ("LW2_1*a1", "LW2_1*xp1", "line 46: .* is not what genFunction writes"),
        ("b2 = ", "b2 = 2*", "line 26: .* is not what genFunction writes"),
        ("b2 = ", "b1 = 1;\nb2 = ", "line 26: b1 is set a second time"),
        ("b2 = ", "b3 = ", "b2 was never set"),
        ("b2 = ", "b2 = [1;2];b3 = ", "LW2_1 is 1x10 and b2 is 2x1"),
        ("ymin = -1;", "ymin = NaN;", "not what genFunction writes"),
        ("xoffset = [-1.5;", "xoffset = [Inf;", "'Inf' is not a finite number"),
        ("xoffset = [-1.5;", "xoffset = [1 -1.5;", "no matrix: its rows have 2, 1, 1"),
        ("xoffset = [-1.5;", "xoffset = [", "xoffset is 2x1, but there are 3 rows"),
        ("gain = [0.4;", "gain = [-0.4;", "gain must be positive"),
        (
            "tansig",
            "radbas",
            "calls radbas, which nanonet does not have; it has logsig",
        ),
        ("a = 2 ./", "a = 3 ./", "tansig_apply is not what genFunction writes"),
        ("function a = tansig_apply", "function a = tansig", "does not define"),
        ("y1 = mapminmax_reverse(a2,y1_step1);", "", "computes no y1; is the file cut"),
        ("Q = size(x1,2);", "x1 = x1*2;", "line 37: 'x1=x1.2' is not what"),
        ("Q = size(x1,2);", "x1 = abs(x1);", "line 37: .* is not what genFunction"),
        ("y1 = mapm", "y1 = a2;\ny1 = mapm", None),
        ("];\nIW1_1", "\nIW1_1", "line 22: what begins here does not end"),
        ("function [y1]", "x = 1;\nfunction [y1]", "stands before any function"),
        ("%#ok", "%{\n%#ok", "a comment of several lines is not read"),
        ("Q = size(x1,2);", "Q = size(x1,2));", "closes nothing"),
        ("Q = size(x1,2);", "x1 = x1';", "turns x from rows to columns, and not the"),
    ],
)
def test_what_is_refused_names_the_line_and_what_was_found(old, new, message, tmp_path):
    assert old in FIT
    text = FIT.replace(old, new)
    if message is not None:
        refused(tmp_path, text, message)
    else:  # one answer over the other: the last counts, as in MATLAB
        (tmp_path / "net.m").write_text(text, "utf8")
        import_matlab(tmp_path / "net.m")


def test_files_that_are_none(tmp_path):
    refused(tmp_path, "", "the file holds no function")
    refused(tmp_path, "function [y1] = f(x1)\nend", "computes no y1")
    refused(tmp_path, "hello", "'hello' stands before any function")
    with pytest.raises(OSError, match=r"missing\.m"):
        import_matlab(tmp_path / "missing.m")
    for argument in ("inputs", "outputs"):
        with pytest.raises(ValueError, match=f"{argument} must be . different names"):
            import_matlab(NETS / "fit_net.m", **{argument: ["a", "a"]})


PIECES = [
    "[", "]", "(", ")", "{", "}", ";", ",", "'", "%", "...", "\n", " ", "1", "-", "e9",
    ".", "=", "+", "*", "x1", "a1", "b1", "Q", "end", "function ", "\0", "é", "NaN",
    "1e999", "x1_step1.", "keep", "if ", "0", "9" * 30, "y1 = a2;", "IW1_1*xp1",
]  # fmt: skip


def altered(rng, text):
    """A file with a few cuts, doublings, swaps and insertions."""
    lines = text.split("\n")
    for _ in range(rng.integers(1, 4)):
        kind, at = rng.integers(6), int(rng.integers(len(lines)))
        line = lines[at]
        place = int(rng.integers(len(line) + 1))
        if kind == 0:
            lines[at] = line[:place] + str(rng.choice(PIECES)) + line[place:]
        elif kind == 1:
            lines[at] = line[:place] + line[place + int(rng.integers(1, 5)) :]
        elif kind == 2:
            del lines[at]
        elif kind == 3:
            lines.insert(int(rng.integers(len(lines) + 1)), line)
        elif kind == 4:
            other = int(rng.integers(len(lines)))
            lines[at], lines[other] = lines[other], line
        else:
            lines = lines[: at + 1]
            lines[-1] = lines[-1][:place]
        lines = lines or [""]
    return "\n".join(lines)


def test_altered_files_are_read_or_refused(tmp_path):
    """With a documented error, and no other; what is read has finite numbers."""
    rng, read = np.random.default_rng(FUZZ), 0
    texts = [path.read_bytes().decode() for path in sorted(NETS.glob("*.m"))]
    path = tmp_path / "net.m"
    for i in range(2 * FUZZ):
        path.write_bytes(altered(rng, texts[i % len(texts)]).encode("utf8", "replace"))
        try:
            model = import_matlab(path)
        except MatlabError:
            continue
        read += 1
        assert all(np.isfinite(leaf).all() for layer in model.params for leaf in layer)
        assert all(np.isfinite(c.mean) and 0 < c.scale < np.inf for c in model.inputs)
        sizes = model.network.architecture.sizes
        assert sizes[0] == sum(c.width for c in model.inputs)
        assert sizes[-1] == sum(c.width for c in model.targets)
    assert 0 < read < 2 * FUZZ  # some, such as of comments, change nothing


PAGE = (Path(nanonet.__file__).parents[1] / "notebooks/from_matlab.md").read_text(
    "utf8"
)


def test_the_page_runs(tmp_path, monkeypatch, capsys):
    """Its lines of a network that exists, with one of two inputs in the file."""
    monkeypatch.chdir(tmp_path)
    text = (NETS / "older_net.m").read_text("utf8")
    Path("price.m").write_text(text.replace("older_net", "price"), "utf8")
    [block] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    x = pd.DataFrame(ANSWERS["older_net"]["x"], columns=["age", "area"])
    exec(block, {"nanonet": nanonet, "x": x})
    assert "price = sigmoid(" in capsys.readouterr().out
    for path in ("price.m", "again.m"):
        expected = answers(import_matlab(path), x.to_numpy())
        np.testing.assert_allclose(expected, ANSWERS["older_net"]["y"], rtol=1e-12)


def test_the_page_names_what_there_is():
    """Each name behind nanonet. or found., and each argument of fit."""
    for dotted in set(re.findall(r"nanonet\.([a-z_]+(?:\.[a-z_]+)?)\(", PAGE)):
        assert functools.reduce(getattr, dotted.split("."), nanonet)
    known = {*dir(nanonet.Fit), *(f.name for f in dataclasses.fields(nanonet.Fit))}
    assert {*re.findall(r"found\.([a-z_0-9]+)", PAGE)} <= known
    column = [line.split("|")[2] for line in PAGE.splitlines() if line.startswith("|")]
    arguments = set(re.findall(r"(?<![\w.])([a-z_0-9]+)=", " ".join(column)))
    assert arguments >= {"rule", "patience", "starts"}
    takes = inspect.signature(nanonet.fit).parameters.keys()
    assert (
        arguments - {"hidden", "skip", "start"} <= takes
    )  # of fit_table, and simulate
    rules = re.findall(r'rule="(\w+)"', PAGE)
    assert {*rules} <= NAMED.keys()
