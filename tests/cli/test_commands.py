"""predict, export, race, and the report of fit; and what can go wrong with files."""

import base64
import contextlib
import csv
import dataclasses
import hashlib
import html.parser
import json
import math
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest
from helpers import ITS_OWN_PRECISION, check_error, not_installed

from nanonet._internal import files
from nanonet.cli.fit_summary import describe
from nanonet.cli.main import main
from nanonet.cli.race import show_race
from nanonet.cli.report.fit_report import fit_as_html
from nanonet.fitting.fitted import Fit
from nanonet.fitting.member import Record
from nanonet.fitting.starts import Starts
from nanonet.model.conformal import Folds
from nanonet.model.equation.equation import Equation
from nanonet.model.export.c_source import export_c
from nanonet.model.export.numpy_source import export_numpy
from nanonet.model.export.onnx_graph import export_onnx
from nanonet.model.intervals import Noise
from nanonet.model.matlab.writing import export_matlab
from nanonet.model.model import Model, predict
from nanonet.model.storage import load_model, save_model
from nanonet.model.uncertainty import predict_interval, predict_set
from nanonet.network.layers import Layer
from nanonet.network.network import mlp
from nanonet.objectives.losses import cross_entropy
from nanonet.solve.result import History, Result, Status
from nanonet.table.columns import Column
from nanonet.table.examples import read_frame
from nanonet.table.read import read_table
from nanonet.table.splits import Split

TABLE = "colour,length,more\nred,1,x\nblue,2.5,y\n\nred,-4,z\n"


pytestmark = ITS_OWN_PRECISION


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working folder with two models and a table."""
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(TABLE)
    save_model("price.nanonet", make_model(Column("price", None, 100.0, 3.0)))
    save_model("kind.nanonet", make_model(Column("kind", ("no", "yes"))))
    return tmp_path


def make_model(target):
    rng = np.random.default_rng(0)
    network = mlp([3, 2, target.width], "tanh", "identity")
    layers = (
        Layer(rng.normal(size=(3, 2)), rng.normal(size=2)),
        Layer(rng.normal(size=(2, target.width)), rng.normal(size=target.width)),
    )
    inputs = (Column("length", None, 1.5, 0.25), Column("colour", ("blue", "red")))
    return Model(network, layers, inputs, (target,))


def succeed(capsys, *arguments, warning=""):
    assert main(list(arguments)) == 0
    captured = capsys.readouterr()
    assert captured.err == warning
    return captured.out


def test_predictions_are_the_librarys(capsys):
    for name in ("price", "kind"):
        shown = succeed(capsys, "predict", f"{name}.nanonet", "t.csv")
        heading, *rows = csv.reader(shown.splitlines())
        assert heading == ["line", name]
        assert [line for line, _ in rows] == ["2", "3", "5"]
        expected = predict(load_model(f"{name}.nanonet"), read_table("t.csv"))
        assert [text for _, text in rows] == [str(value) for value in expected.tolist()]


def test_predictions_can_go_to_a_file_and_to_a_script(capsys):
    shown = succeed(capsys, "predict", "kind.nanonet", "t.csv")
    said = succeed(capsys, "predict", "kind.nanonet", "t.csv", "--out", "p.csv")
    assert said == "written: p.csv, 3 rows\n"
    assert Path("p.csv").read_text() == shown
    answer = json.loads(succeed(capsys, "predict", "kind.nanonet", "t.csv", "--json"))
    assert (answer["targets"], answer["rows"]) == (["kind"], [2, 3, 5])
    assert answer["predictions"] == [row.split(",")[1] for row in shown.split()[1:]]
    assert (answer["scores"], answer["written"]) == ({}, None)


def test_several_targets_are_several_columns_each_with_its_scores(capsys):
    rng = np.random.default_rng(0)
    layers = (Layer(rng.normal(size=(3, 2)), np.array([1.0, -1.0])),)
    inputs = (Column("length", None, 1.5, 0.25), Column("colour", ("blue", "red")))
    targets = (Column("price", None, 100.0, 3.0), Column("mass", None, 1.0, 2.0))
    network = mlp([3, 2], output="identity")
    save_model("two.nanonet", Model(network, layers, inputs, targets))
    shown = succeed(capsys, "predict", "two.nanonet", "t.csv")
    heading, *rows = csv.reader(shown.splitlines())
    assert heading == ["line", "price", "mass"]
    expected = predict(load_model("two.nanonet"), read_table("t.csv"))
    assert [list(map(float, row[1:])) for row in rows] == expected.tolist()
    frame = read_table("t.csv")
    frame["price"], frame["mass"] = expected[:, 0] + 2, expected[:, 1] - 0.5
    frame.to_csv("known.csv", index=False)
    answer = json.loads(
        succeed(capsys, "predict", "two.nanonet", "known.csv", "--json")
    )
    assert answer["targets"] == ["price", "mass"]
    assert answer["scores"]["price"]["rmse"] == pytest.approx(2, rel=1e-9)
    assert answer["scores"]["mass"]["rmse"] == pytest.approx(0.5, rel=1e-9)
    assert answer["predictions"] == expected.tolist()


def test_intervals_are_columns_beside_the_predictions(capsys):
    model = make_model(Column("price", None, 100.0, 3.0))
    factor = 2 * np.eye(11)[None]
    noise = Noise(np.full((1, 1), 0.5), np.full(1, 9.0), factor, np.ones((1, 11)))
    save_model("sure.nanonet", dataclasses.replace(model, noise=noise))
    options = ["--interval", "0.9"]
    shown = succeed(capsys, "predict", "sure.nanonet", "t.csv", *options)
    heading, *rows = csv.reader(shown.splitlines())
    assert heading == ["line", "price", "price_lower", "price_upper"]
    bounds = predict_interval(
        load_model("sure.nanonet"), read_table("t.csv"), level=0.9
    )
    found = np.array(rows, float)[:, 1:].T.tolist()
    assert found == [
        bounds.prediction.tolist(),
        bounds.lower.tolist(),
        bounds.upper.tolist(),
    ]
    frame = read_table("t.csv")
    frame["price"] = bounds.prediction + np.array([0, 0, 100])
    frame.to_csv("known.csv", index=False)
    answer = json.loads(
        succeed(capsys, "predict", "sure.nanonet", "known.csv", "--json", *options)
    )
    assert answer["interval"] == {"level": 0.9, "lower": found[1], "upper": found[2]}
    assert answer["scores"]["coverage"] == pytest.approx(2 / 3)
    width = np.mean(bounds.upper - bounds.lower)
    assert answer["scores"]["width"] == pytest.approx(width)


def test_all_that_a_class_may_be_is_a_column(capsys):
    model = make_model(Column("kind", ("no", "yes")))
    folds = Folds(
        jax.tree.map(lambda leaf: np.stack([leaf, leaf])[:, None], model.params),
        np.ones((2, 1)),
        np.tile([[1.5, 0.0, 0.0], [0.25, 1.0, 1.0]], (2, 1, 1)),
        np.tile([[0.0], [1.0]], (2, 1, 1)),
        np.arange(10) % 2,
        np.linspace(0, 0.9, 10)[:, None],
    )
    network = mlp([3, 2, 2], "tanh", "softmax")
    model = dataclasses.replace(model, network=network, folds=folds)
    save_model("sets.nanonet", model)
    options = ["predict", "sets.nanonet", "t.csv", "--interval", "0.5"]
    heading, *rows = csv.reader(succeed(capsys, *options).splitlines())
    assert heading == ["line", "kind", "kind_set"]
    expected = predict_set(load_model("sets.nanonet"), read_table("t.csv"), level=0.5)
    assert [row[2].split("|") for row in rows] == list(map(list, expected.labels()))
    answer = json.loads(succeed(capsys, *options, "--json"))
    assert answer["sets"] == list(map(list, expected.labels()))
    frame = read_table("t.csv")
    frame["kind"] = [of_row[0] for of_row in expected.labels()[:2]] + ["no"]
    frame.to_csv("known.csv", index=False)
    options[2] = "known.csv"
    scores = json.loads(succeed(capsys, *options, "--json"))["scores"]
    hits = 2 + ("no" in expected.labels()[2])
    assert scores["coverage"] == pytest.approx(hits / 3)
    sizes = [len(of_row) for of_row in expected.labels()]
    assert scores["size"] == pytest.approx(sum(sizes) / 3)


def test_names_cannot_command_the_terminal(capsys):
    Path("esc.csv").write_text(
        "a,\x1b[31my\n" + "".join(f"{i},{i}\n" for i in range(20))
    )
    arguments = ["fit", "esc.csv", "--target", "\x1b[31my", "--max-steps", "2"]
    assert main(arguments) == 0
    assert "\x1b" not in capsys.readouterr().out
    assert main(["predict", "kind.nanonet", "esc\x1b.csv"]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_a_file_name_that_is_no_text(capsys):
    name = os.fsdecode(b"\xff.csv")
    Path(name).write_text("a,y\n" + "".join(f"{i},{i}\n" for i in range(20)))
    outputs = ["--out", "m", "--plot", "p.png", "--report", "r.html"]
    assert main(["fit", name, "--target", "y", "--max-steps", "2", *outputs]) == 0
    assert "\ufffd.csv: y" in capsys.readouterr().out
    assert Path("p.png").exists()
    assert Path("r.html").exists()


def test_predictions_are_scored_where_the_target_is_known(capsys):
    frame = read_table("t.csv")
    frame["price"] = 2 + predict(load_model("price.nanonet"), frame)
    frame.to_csv("known.csv", index=False)
    answer = json.loads(
        succeed(capsys, "predict", "price.nanonet", "known.csv", "--json")
    )
    assert answer["scores"]["rmse"] == pytest.approx(2, rel=1e-9)
    frame["kind"] = ["no", "?", "yes"]
    frame.to_csv("known.csv", index=False)
    assert succeed(
        capsys, "predict", "kind.nanonet", "known.csv", "--out", "p.csv"
    ).endswith("3 rows\n")


def test_a_robust_loss_is_scored_by_medians(capsys):
    """Errors 1, 2 and, of an outlier, 1000."""
    model = make_model(Column("price", None, 100.0, 3.0))
    save_model("robust.nanonet", dataclasses.replace(model, robust_loss="huber"))
    frame = read_table("t.csv")
    frame["price"] = y = predict(model, frame) + np.array([1, -2, 1000])
    frame.to_csv("known.csv", index=False)
    predicting = ["predict", "robust.nanonet", "known.csv"]
    found = json.loads(succeed(capsys, *predicting, "--json"))["scores"]
    spread = np.median(np.abs(y - np.median(y)))
    assert found == {
        "robust_r_squared": pytest.approx(1 - (2 / spread) ** 2, rel=1e-9),
        "median_absolute_error": pytest.approx(2, rel=1e-9),
        "rmse": pytest.approx(math.sqrt((1 + 4 + 1e6) / 3), rel=1e-9),
    }
    said = succeed(capsys, *predicting, "--out", "p.csv")
    assert ", median absolute error 2, RMSE 577.4\n" in said
    explained = succeed(capsys, "explain", *predicting[1:])
    assert "fitted by loss='huber'" in " ".join(explained.split())


def test_json_holds_no_number_that_json_has_not(capsys):
    model = make_model(Column("price", None, 1e308, 1.7e308))
    save_model("huge.nanonet", model)
    with np.errstate(over="ignore"):
        answer = json.loads(
            succeed(capsys, "predict", "huge.nanonet", "t.csv", "--json")
        )
        expected = predict(model, read_table("t.csv"))
    assert not np.isfinite(expected).all()
    for value, number in zip(answer["predictions"], expected, strict=True):
        assert value == number if np.isfinite(number) else value is None


def test_exports_are_the_librarys(capsys):
    for to, suffix, export in [
        ("numpy", ".py", export_numpy),
        ("c", ".c", export_c),
        ("onnx", ".onnx", export_onnx),
    ]:
        said = succeed(capsys, "export", "kind.nanonet", "--to", to)
        path = Path(f"kind_nanonet{suffix}")
        assert f"written: {path} (" in said
        assert said.endswith("inputs, in this order: 'length', 'colour'\n")
        content = export(load_model("kind.nanonet"))
        assert path.read_bytes() == (
            content if isinstance(content, bytes) else content.encode()
        )
    answer = json.loads(
        succeed(capsys, "export", "kind.nanonet", "--to", "c", "--out", "k", "--json")
    )
    assert (answer["inputs"], answer["written"]) == (["length", "colour"], "k")
    assert Path("k").read_bytes() == Path("kind_nanonet.c").read_bytes()


def test_a_function_of_matlab_has_the_name_of_its_file(capsys):
    succeed(capsys, "export", "kind.nanonet", "--to", "matlab")
    export_matlab(load_model("kind.nanonet"), "expected.m")
    content = Path("kind_nanonet.m").read_text("utf8")
    assert content.startswith("function [y1] = kind_nanonet(x1)\n")
    renamed = content.replace("kind_nanonet", "expected")
    assert renamed.replace("KIND_NANONET", "EXPECTED") == Path("expected.m").read_text()


def test_equations_are_the_librarys(capsys):
    model, table = load_model("kind.nanonet"), read_table("t.csv")
    for to, ending, write in [
        ("text", ".txt", Equation.text),
        ("latex", ".tex", Equation.latex),
        ("excel", ".xlsx", Equation.workbook),
        ("python", "_equation.py", Equation.python),
        ("javascript", ".js", Equation.javascript),
    ]:
        said = succeed(capsys, "export", "kind.nanonet", "--to", to)
        assert said.endswith(
            "\nall digits; rows of a table would tell how few suffice\n"
        )
        content, path = write(model.equation()), Path(f"kind_nanonet{ending}")
        assert path.read_bytes() == (
            content if isinstance(content, bytes) else content.encode()
        )
        of_table = ["--table", "t.csv", "--tolerance", "0.02", "--json"]
        said = succeed(capsys, "export", "kind.nanonet", "--to", to, *of_table)
        found, answer = model.equation(table, tolerance=0.02), json.loads(said)
        assert (answer["digits"], answer["change"]) == (
            found.digits,
            found.change.tolist(),
        )
        content = write(found)
        assert path.read_bytes() == (
            content if isinstance(content, bytes) else content.encode()
        )


def test_a_race_for_scripts_and_for_people(capsys):
    arguments = [
        "race",
        "--starts",
        "40",
        "--rule",
        "barzilai_borwein_2",
        "--seed",
        "3",
    ]
    results = json.loads(succeed(capsys, *arguments, "--json"))["rules"]
    result = results["barzilai_borwein_2"]
    # Three quarters of the starts, less four standard deviations.
    assert result["solved"] > 40 * (0.75 - 4 * np.sqrt(0.75 * 0.25 / 40))
    failures = sum(result["failures"].values())
    assert result["solved"] + failures == result["starts"] == 40
    show_race(results, 40)
    shown = capsys.readouterr().out
    row = f"Barzilai-Borwein 2 +{result['solved'] / 40:.1%} +{result['steps']:.0f} "
    assert re.search(row, shown)
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "none", "t.csv"], "none cannot be used: No such file"),
        (["predict", "price.nanonet", "t.csv", "--interval", "1"], "1 is not a finite"),
        (
            ["export", "price.nanonet", "--to", "numpy", "--interval", "0.9"],
            "--interval goes with --to c",
        ),
        (
            ["export", "price.nanonet", "--to", "c", "--interval", "0.9"],
            "the model has no intervals",
        ),
        (
            ["predict", "kind.nanonet", "t.csv", "--interval", "0.9"],
            "fit with folds=10",
        ),
        (
            ["predict", "price.nanonet", "t.csv", "--interval", "0.9"],
            "the model has no intervals: an earlier nanonet wrote it",
        ),
        (["predict", ".", "t.csv"], ". cannot be used: Is a directory"),
        (["predict", "/dev/null", "t.csv"], "/dev/null is no regular file, and no"),
        (["predict", "t.csv", "t.csv"], "t.csv is cut short, altered, or no model"),
        (["predict", "kind.nanonet", "kind.nanonet"], "is a binary file, not a table"),
        (["predict", "kind.nanonet", "."], ". is a folder, not a table"),
        (["predict", "kind.nanonet", "t.cvs"], "did you mean t.csv?"),
        (
            ["predict", "kind.nanonet", "iris"],
            "iris: the table has no columns 'length', 'colour', which the model reads. "
            "Did you mean 'sepal_length'?",
        ),
        (
            ["predict", "kind.nanonet", "t.csv", "--out", "no/p"],
            "no/p cannot be written",
        ),
        (["predict", "kind.nanonet", "t.csv", "--out", "."], "it is a folder"),
        (
            ["predict", "kind.nanonet", "t.csv", "--out", "/dev/full"],
            "not a regular file",
        ),
        (
            ["predict", "kind.nanonet", "t.csv", "--out", "./t.csv"],
            "--out (./t.csv) and the table must be different files",
        ),
        (
            ["export", "kind.nanonet", "--to", "c", "--out", "kind.nanonet"],
            "--out (kind.nanonet) and the model must be different files",
        ),
        (["export", "kind.nanonet", "--to", "fortran"], "fortran"),
        (["export", "kind.nanonet"], "--to"),
        (["export", "t.csv", "--to", "c"], "no model"),
        (
            ["export", "kind.nanonet", "--to", "matlab", "--out", "2.m"],
            "'2' cannot name a function of MATLAB",
        ),
        (
            ["export", "kind.nanonet", "--to", "c", "--table", "t.csv"],
            "--table and --tolerance are for equations",
        ),
        (
            ["export", "kind.nanonet", "--to", "text", "--tolerance", "1"],
            "give --table too",
        ),
        (["race", "--rule", "adma"], "did you mean 'adam'?"),
        (["race", "--starts", "0"], "--starts: 0 is not a whole number"),
        (["fit", "iris", "--target", "species", "--report", "r.pdf"], "end in .html"),
        (["fit", "iris", "--target", "species", "--report", "no/r.html"], "no/r.html"),
    ],
)
def test_mistakes_are_told_in_one_line_and_change_no_file(arguments, message, capsys):
    before = {path: path.read_bytes() for path in Path().iterdir()}
    assert main(arguments) == 2
    check_error(capsys, message)
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("red,tall,x", "line 6, column 'length': 'tall' is not a number"),
        ("red,1e999,x", "line 6, column 'length': '1e999' is infinite"),
        ("red,1e308,x", "line 6, column 'length': '1e308' is too far from 1.5"),
        ("red,1,x,y", "Expected 3 fields in line 6, saw 4"),
    ],
)
def test_cells_that_do_not_fit_the_model(line, message, capsys):
    Path("t.csv").write_text(TABLE + line)
    assert main(["predict", "kind.nanonet", "t.csv"]) == 2
    check_error(capsys, "t.csv", message)


def test_cells_that_say_nothing_are_told_of_once(capsys):
    Path("t.csv").write_text(TABLE + "green,-,x")
    assert main(["predict", "kind.nanonet", "t.csv"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1].startswith("6,")
    assert err.count("\n") == 2
    assert "column 'length': missing in 1 of 4 rows (line 6)" in err
    assert "column 'colour': no row that the model was fitted to is 'green'" in err


def test_parquet_is_read_like_csv(capsys):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    frame = pd.DataFrame({"length": [1.0, 2.5, -4.0], "colour": ["red", "blue", "red"]})
    frame.to_parquet("t.parquet")
    of_csv = succeed(capsys, "predict", "price.nanonet", "t.csv").split()
    of_parquet = succeed(capsys, "predict", "price.nanonet", "t.parquet").split()
    assert of_parquet[0] == "row,price"
    numbers = [
        [line.split(",")[1] for line in lines[1:]] for lines in (of_csv, of_parquet)
    ]
    assert numbers[0] == numbers[1]


@pytest.mark.parametrize(
    ("package", "arguments", "extra"),
    [
        ("pyarrow", ["predict", "kind.nanonet", "t.parquet"], "parquet"),
        ("onnx", ["export", "kind.nanonet", "--to", "onnx"], "export"),
    ],
)
def test_a_missing_package_names_its_extra(package, arguments, extra, capsys):
    Path("t.parquet").write_bytes(b"PAR1")
    with not_installed(package):
        assert main(arguments) == 2
    check_error(capsys, f"{package} is not installed: pip install 'nanonet[{extra}]'")


class Links(html.parser.HTMLParser):
    """The tags of a page, its text, and the addresses it names."""

    def __init__(self):
        super().__init__()
        self.tags, self.words, self.addresses = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for key, value in attrs if key in ("src", "href")]

    def handle_data(self, data):
        self.words.append(data)


NAMES = ["</table><script>alert(1)</script>", "a $x$ & 'b' \"c\"", "価格 <img src=x>"]
TAGS = (
    "html head meta title style body h1 h2 table tr th td thead tbody div p figure img "
    "script noscript"
)


def write_nasty(target):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(30, 2)), columns=NAMES[:2])
    frame["kind"] = np.array(["<b>x</b>", "y & z"], object)[np.arange(30) % 2]
    frame[NAMES[2]] = target(frame)
    frame.to_csv("<i>.csv", index=False)


def check_report(text):
    page = Links()
    page.feed(text)
    assert {*page.tags} <= set(TAGS.split())
    # Numbers that are none, and the one script whose hash the page names.
    numbers, script = re.findall(r"<script([^>]*)>(.*?)</script>", text, re.DOTALL)
    assert page.tags.count("script") == 2
    assert NAMES[0] in [of["name"] for of in json.loads(numbers[1])["inputs"]]
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'\"" in text
    assert page.addresses
    assert all(
        address.startswith("data:image/svg+xml;base64,") for address in page.addresses
    )
    assert set(NAMES[:2]) <= set(page.words)
    assert f"<i>.csv: {NAMES[2]}" in page.words
    return page


def test_the_report_of_a_regression(capsys):
    write_nasty(lambda frame: frame[NAMES[0]] * 2 + 7)
    arguments = ["--max-steps", "3", "--rule", "gradient_descent"]
    outputs = ["--out", "m", "--plot", "p.png", "--report", "r.html"]
    told = "the network has 65 parameters, but only 22 rows to learn from."
    succeed(
        *(capsys, "fit", "<i>.csv", "--target", NAMES[2], *arguments, *outputs),
        warning=f"nanonet: warning: {told}\n",
    )
    page = check_report(Path("r.html").read_text("utf8"))
    assert {"R²", "RMSE", "22 train, 8 held out", "Versions"} <= set(page.words)
    assert len(page.addresses) == 7
    assert any(word.startswith("On 8 rows it has not seen") for word in page.words)


def test_the_report_of_a_classification():
    """Every "yes" is predicted as "<u>no", and every row is held out but the first."""
    write_nasty(lambda frame: np.where(frame["kind"] == "y & z", "<u>no", "yes"))
    frame = read_table("<i>.csv")
    layer = Layer(np.zeros((2, 2)), np.array([1.0, 0.0]))
    examples = read_frame(frame, NAMES[2], ignore=["kind"])
    target = Column(NAMES[2], ("<u>no", "yes"))
    J = np.array([2.0, 1.0])
    fit = Fit(
        network=mlp([2, 2], output="softmax"),
        loss=cross_entropy,
        params=(layer,),
        result=Result((layer,), J[1], J[1], 1, 2, Status.STEP_LIMIT, History(J, J)),
        record=Record(np.arange(len(J)), *[J] * 6),
        starts=Starts((layer,), J, ()),
        split=Split(np.arange(1), np.arange(0), np.arange(1, 30)),
        l2=0.1,
        evidence=None,
        examples=examples._replace(targets=(target,)),
    )
    told = describe("<i>.csv", frame, fit, {}, 0)
    text = fit_as_html(told, frame, fit)
    page = check_report(text)
    text = re.sub("<td [^>]*>", "<td>", text)
    rows = re.findall(r"<td>(?:&lt;u&gt;no|yes)</td><td>(\d+)</td><td>(\d+)</td>", text)
    assert rows == [("15", "0"), ("14", "0")]
    assert "14 of 29 held-out rows are predicted wrong." in page.words
    assert text.count("<td>yes</td><td>&lt;u&gt;no</td>") == 14
    assert len(page.addresses) == 5


@contextlib.contextmanager
def small_disk():
    """No file may grow beyond 100 bytes, as on a disk that is full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize(
    "arguments",
    [
        ["export", "kind.nanonet", "--to", "c"],
        ["predict", "price.nanonet", "long.csv"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_full_disk_leaves_the_old_file(arguments, capsys):
    Path("long.csv").write_text("length,colour\n" + "1,red\n" * 10)
    # Once with room, so that JAX has nothing left to compile, and to keep in its cache.
    succeed(capsys, *arguments, "--out", "old")
    Path("old").write_text("old")
    before = sorted(Path().iterdir())
    with small_disk():
        assert main([*arguments, "--out", "old"]) == 2
    check_error(capsys, "old cannot be written: File too large.")
    assert Path("old").read_text() == "old"
    assert sorted(Path().iterdir()) == before


def test_output_that_cannot_be_printed(monkeypatch, capsys):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["predict", "kind.nanonet", "t.csv"]) == 2
    monkeypatch.undo()
    assert "standard output cannot be used: No space left" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough(folder, monkeypatch, capsys):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert (
            main(["predict", str(folder / "kind.nanonet"), str(folder / "t.csv")]) == 0
        )
    monkeypatch.undo()
    assert capsys.readouterr().err == ""


WRITER = """
import runpy, sys
write_whole = runpy.run_path(sys.argv[1])["write_whole"]
for i in range(10**9):
    write_whole("whole", bytes([65 + i % 26]) * 10_000_000)
"""


def test_a_killed_run_leaves_a_whole_file():
    for wait in (0.11, 0.23, 0.37):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, files.__file__]
        ) as process:
            while not Path("whole").exists():
                time.sleep(0.01)
            time.sleep(wait)
            process.send_signal(signal.SIGKILL)
        content = Path("whole").read_bytes()
        assert content == content[:1] * 10_000_000
        Path("whole").unlink()


def test_the_chain_rule_of_xor(capsys):
    answer = json.loads(
        succeed(capsys, "explain", "--row", "3", "--learning-rate", "2", "--json")
    )
    assert [entry["value"] for entry in answer["row"]] == [1, 0, 1]
    w = {each["parameter"]: each["old"] for each in answer["derivatives"]}
    out = [1 / (1 + math.exp(-w[a] - w[b])) for a, b in [("w1", "b3"), ("w2", "b4")]]
    z = out[0] * w["w5"] + out[1] * w["w6"] + w["b5"]
    y = 1 / (1 + math.exp(-z))
    assert answer["J"] == pytest.approx((y - 1) ** 2 / 2, rel=1e-12)
    slopes = {each["parameter"]: each for each in answer["derivatives"]}
    expected = (y - 1) * y * (1 - y) * out[0]
    assert slopes["w5"]["value"] == pytest.approx(expected, rel=1e-12)
    assert slopes["w5"]["new"] == pytest.approx(w["w5"] - 2 * expected, rel=1e-12)
    assert slopes["w3"]["value"] == 0


def test_the_example_of_the_notes_is_explained_first(capsys):
    answer = json.loads(succeed(capsys, "explain", "--learning-rate", "0.5", "--json"))
    assert answer["J"] == pytest.approx(0.125, rel=1e-15)
    [w5] = (each for each in answer["derivatives"] if each["parameter"] == "w5")
    assert (w5["value"], w5["new"]) == pytest.approx((0.1, 0.95), rel=1e-15)
    shown = succeed(capsys, "explain")
    assert "error  = ŷ − y = 0.5 − 0 = 0.5" in shown


def test_the_chain_rule_of_a_row_of_a_table(capsys):
    Path("t.csv").write_text("length,colour,price\n1,red,103\n2,blue,97\n")
    answer = json.loads(
        succeed(capsys, "explain", "price.nanonet", "t.csv", "--row", "3", "--json")
    )
    row = [(each["symbol"], each["name"], each["value"]) for each in answer["row"]]
    names = ["length", "colour is blue", "colour is red", "price"]
    assert row == list(zip(["x1", "x2", "x3", "y"], names, [2, 1, 0, -1], strict=True))
    prediction = predict(load_model("price.nanonet"), read_table("t.csv"))[1]
    assert answer["J"] == pytest.approx(((prediction - 97) / 3) ** 2, rel=1e-12)
    shown = succeed(capsys, "explain", "price.nanonet", "t.csv")
    assert "x1  -2  length" in shown
    for arguments, message in [
        (["price.nanonet"], "needs a TABLE"),
        (["price.nanonet", "t.csv", "--row", "4"], "no such line in 2 to 3"),
        (["kind.nanonet", "t.csv"], "t.csv: the table has no column 'kind'"),
        (["--row", "5"], "XOR has the rows 1 to 4"),
    ]:
        assert main(["explain", *arguments]) == 2
        check_error(capsys, message)


def test_the_steps_of_a_rule(capsys):
    """Page 5's EWMA form on θ² from 5 with α = 0.1, β = ½: v = 5, then 7."""
    words = "explain --rule momentum --set form=ewma --set beta=0.5 --learning-rate 0.1"
    words = [*words.split(), "--steps", "2"]
    rows = json.loads(succeed(capsys, *words, "--json"))["steps"]
    found = {row["symbol"]: row["result"] for row in rows}
    assert (found["v(1)"], found["v(2)"]) == pytest.approx((5, 7), rel=1e-14)
    assert (found["θ(2)"], found["θ(3)"]) == pytest.approx((4.5, 3.8), rel=1e-14)
    assert max(row["difference"] or 0 for row in rows) < 1e-14
    shown = succeed(capsys, *words)
    assert "v(2) = β·v(1) + (1 − β)·g(2) = 0.5·5 + 0.5·9 = 7" in shown
    for arguments, message in [
        (["--rule", "adaam"], "did you mean 'adam'"),
        (["--rule", "adam", "--set", "eps"], "must be NAME=VALUE"),
        (["--rule", "adam", "--set", "epsilon=0"], "argument 'epsilon'"),
        (["--rule", "adam", "--row", "2"], "takes no MODEL, TABLE or --row"),
        ([*words[1:], "--parameter", "w5"], "parameter='w5' is unknown"),
    ]:
        assert main(["explain", *arguments]) == 2
        check_error(capsys, message)
