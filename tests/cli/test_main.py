import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from helpers import ITS_OWN_PRECISION, check_error

import nanonet
from nanonet import cli
from nanonet.cli.main import main
from nanonet.cli.xor import learn_xor
from nanonet.fitting.batch import Batch
from nanonet.fitting.fit import fit
from nanonet.fitting.fit_table import fit_table
from nanonet.model.model import predict
from nanonet.model.storage import load_model
from nanonet.network.network import mlp
from nanonet.table.read import BUNDLED, read_table

FIT = ["fit", "iris.csv", "--target", "species", "--rule", "gradient_descent"]
ROOT = Path(nanonet.__file__).parents[1]


pytestmark = ITS_OWN_PRECISION


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working folder with the iris table in it."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(BUNDLED["iris"], "iris.csv")
    return tmp_path


def written():
    return sorted(path.name for path in Path().iterdir() if path.name != "iris.csv")


def test_xor_is_solved_from_most_starts(capsys):
    assert main([]) == 0
    out = capsys.readouterr().out
    solved, starts = re.search(r"(\d+) of (\d+) starts solved XOR", out).groups()
    assert int(starts) == 10
    assert int(solved) >= 6
    assert len(re.findall(r"  solved  ", out)) == int(solved)
    assert len(re.findall(r"  stuck  ", out)) == 10 - int(solved)
    answers = re.findall(r"^ +[01] +[01] +([01]) +([\d.]+) *$", out, re.MULTILINE)
    assert len(answers) == 4
    assert all(abs(float(y) - float(answer)) < 0.03 for y, answer in answers)
    assert written() == []
    main(["xor"])
    assert capsys.readouterr().out == out
    main(["--seed", "1"])
    assert capsys.readouterr().out != out


def test_stuck_runs_sit_where_the_table_says():
    results = learn_xor(starts=60, seed=3)
    values = np.array([float(result.value) for result in results])
    stuck = values[values > 1e-4]
    assert len(stuck) < 30
    nearest = np.min(np.abs(stuck[:, None] - np.array([1 / 16, 1 / 12])), axis=1)
    assert nearest.max() < 1e-3


def test_fit_writes_a_model_and_a_picture(capsys):
    assert main([*FIT, "--seed", "1", "--max-steps", "300"]) == 0
    out = capsys.readouterr().out
    assert "classification: setosa, versicolor, virginica" in out
    accuracy = float(re.search(r"accuracy +([\d.]+)%", out)[1])
    assert written() == ["iris-loss.png", "iris.nanonet"]
    frame = read_table("iris")
    prediction = predict(load_model("iris.nanonet"), frame)
    assert np.mean(prediction == frame["species"].to_numpy(object)) * 100 == (
        pytest.approx(accuracy, abs=4)
    )
    assert Path("iris-loss.png").read_bytes().startswith(b"\x89PNG")


def test_json_is_all_there_is_on_standard_output(capsys):
    outputs = ["--out", "m", "--plot", "p.PNG", "--json"]
    assert main([*FIT, *outputs, "--max-steps", "3", "--ignore", "petal_width"]) == 0
    captured = capsys.readouterr()
    answer = json.loads(captured.out)
    assert captured.err == ""
    assert answer["rows"] == {"train": 112, "validation": 0, "test": 38}
    assert answer["inputs"] == ["sepal_length", "sepal_width", "petal_length"]
    assert answer["status"] == "STEP_LIMIT"
    assert answer["written"] == {"model": "m", "plot": "p.PNG"}
    assert written() == ["m", "p.PNG"]


def test_the_command_learns_what_the_library_does(capsys):
    arguments = ["fit", "iris.csv", "--target", "species", "--max-steps", "30"]
    assert main([*arguments, "--seed", "5", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    frame = read_table("iris")
    found = fit(
        mlp([4, 10, 3], "tanh", "softmax", skip=True),
        frame.drop(columns="species"),
        frame["species"],
        key=jax.random.key(5),
        test=0.25,
        max_steps=30,
    )
    assert answer["J"] == float(found.result.value)
    assert answer["scores"]["accuracy"]["test"] == found.scores[0].test
    model = load_model("iris.nanonet")
    np.testing.assert_array_equal(predict(model, frame), found.predict(frame))


def test_numbers_that_are_not_finite_are_null_in_json(capsys):
    # The two rows held out have equal y, so R² is 0/0.
    Path("t.csv").write_text(
        "x,y\n" + "".join(f"{i},5\n" for i in range(30)) + "1,6\n2,7"
    )
    assert (
        main(["fit", "t.csv", "--target", "y", "--test-fraction", "0.05", "--json"])
        == 0
    )
    captured = capsys.readouterr()
    assert captured.err.startswith("nanonet: warning: --test-fraction is now --test.\n")
    r_squared = json.loads(captured.out)["scores"]["r_squared"]
    assert r_squared["test"] is None


def test_outliers_are_told(capsys):
    """Of a line, which needs no more than least squares again and again."""
    x = np.arange(24.0)
    y = 3 * x + np.sin(40 * x)
    y[[4, 9]] += 200
    np.savetxt("t.csv", np.c_[x, y], delimiter=",", header="x,y", comments="")
    options = "--hidden 1 --l2 0.001 --starts 1 --max-steps 30 --loss student_t"
    arguments = ["fit", "t.csv", "--target", "y", *options.split(), "--test=0.1"]
    assert main([*arguments, "--seed=1", "--report", "t.html"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "outliers student_t loss, σ = " in told
    median = re.search(r"network is off by (\S+) as a rule \(median absolute", told)
    assert median is not None
    score = re.search(r" median absolute error \S+ (\S+)", told)
    assert score is not None
    assert float(score[1]) == pytest.approx(float(median[1]), rel=2e-3)
    assert "constant of the least student_t loss of the training rows" in told
    found = re.search(r"2 of 22 rows count less than half: (\d), (\d) \(counted", told)
    assert found is not None
    assert set(found.groups()) == {"4", "9"}
    assert "interval" not in told
    assert "Intervals of the rows" not in Path("t.html").read_text("utf8")


def test_noise_that_depends_on_the_inputs_is_told(capsys):
    rng = np.random.default_rng(0)
    x = np.linspace(-2, 2, 60)
    y = x + np.exp(x) * rng.normal(size=60)
    np.savetxt("t.csv", np.c_[x, y], delimiter=",", header="x,y", comments="")
    options = "--hidden 1 --l2 0.001 --starts 1 --max-steps 30 --test=0.1"
    arguments = ["fit", "t.csv", "--target", "y", *options.split()]
    assert main([*arguments, "--noise=heteroscedastic", "--report", "t.html"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    found = re.search(r"noise heteroscedastic, σ from (\S+) to (\S+)", told)
    assert found is not None
    low, high = map(float, found.groups())
    assert low < 0.5
    assert high > 3
    assert "(median) for 95 % of new rows" in told
    assert "and spread alike" not in Path("t.html").read_text("utf8")
    assert main(["predict", "t.nanonet", "t.csv", "--interval", "0.9", "--json"]) == 0
    ends = json.loads(capsys.readouterr().out)["interval"]
    assert ends["upper"][-1] - ends["lower"][-1] > 4 * (
        ends["upper"][0] - ends["lower"][0]
    )


def test_the_command_offers_what_fit_offers(capsys):
    options = "--rule adam --learning-rate 0.05 --l2 evidence --starts 2 --hidden 3,2"
    options += " --validation 0.2 --test 0.3 --max-steps 30 --checkpoint c --seed 4"
    options += " --monotone petal_length=+1 --monotone sepal_width=-1 --no-skip"
    arguments = ["fit", "iris.csv", "--target", "petal_width", *options.split()]
    assert main([*arguments, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    found = fit_table(
        read_table("iris"),
        "petal_width",
        key=jax.random.key(4),
        rule="adam",
        learning_rate=0.05,
        l2="evidence",
        starts=2,
        hidden=[3, 2],
        validation=0.2,
        test=0.3,
        max_steps=30,
        monotone={"petal_length": 1, "sepal_width": -1},
        skip=False,
    )
    assert answer["J"] == float(found.result.value)
    assert answer["network"]["sizes"] == [6, 3, 2, 1]
    assert not answer["network"]["skip"]
    assert answer["rows"] == {"train": 75, "validation": 30, "test": 45}
    assert (answer["rule"], answer["learning_rate"]) == ("adam", 0.05)
    assert (answer["starts"], answer["seed"]) == (2, 4)
    assert (answer["rising"], answer["falling"]) == (["petal_length"], ["sepal_width"])
    columns = {each["column"] for each in answer["importances"]}
    assert columns == set(read_table("iris").columns) - {"petal_width"}
    assert all(re.fullmatch("[a-zA-Z0-9_]+", key) for key in keys_of(answer))
    assert written() == ["c", "iris-loss.png", "iris.nanonet"]


@pytest.mark.parametrize("monotone", ["petal_length", "petal_length=2", "=+1"])
def test_a_sign_that_is_none_is_refused(monotone, capsys):
    assert main([*FIT, "--monotone", monotone]) == 2
    check_error(capsys, repr(monotone), "is not like age=+1")


def keys_of(answer):
    if isinstance(answer, list):
        return {key for item in answer for key in keys_of(item)}
    if not isinstance(answer, dict):
        return set()
    return set(answer).union(*map(keys_of, answer.values()))


def test_a_regression_is_told_with_its_penalty_and_interval(capsys):
    monotone = ["--monotone", "petal_length=+1"]
    options = ["--target", "petal_width", "--starts", "1", "--folds", "3", *monotone]
    assert main(["fit", "iris.csv", *options]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    gamma = float(re.search(r"γ = ([\d.]+) effective parameters of 87", shown)[1])
    assert 0 < gamma < 87
    half_width = float(re.search(r"ŷ ± ([\d.]+) for 95 % of new rows", shown)[1])
    assert 0.2 < half_width < 0.8  # petals are some 0.7 wider or narrower than the mean
    within = int(re.search(r"of new rows; (\d+) of 38 held out are within", shown)[1])
    assert 32 <= within <= 38  # 95 %, less four standard deviations of 38 rows
    # 1 - 2α - 2(1 - 1/K)/(n/K + 1) = 1 - 0.1 - 0.035, for n = 112 and K = 3.
    assert "guarantee at least 86 % whatever the data are, by CV+ of 3 folds" in shown
    assert re.search(r"petal_length 0\.\d+", shown)
    off = r"On 38 rows it has not seen the network is off by (0\.\d+) on average"
    (mean,) = re.findall(r" the mean by (0\.\d+): ", shown)
    assert float(re.search(off, shown)[1]) < float(mean)
    assert "sepal_width, petal_length ↑, species" in shown


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert re.fullmatch(r"nanonet \S+\n", capsys.readouterr().out)


def test_names_are_shown_as_they_are(capsys):
    text = Path("iris.csv").read_text().replace("species", "[red]$x_$ 価格 :smile:")
    Path("iris.csv").write_text(text)
    target = ["--target", "[red]$x_$ 価格 :smile:", "--max-steps", "3"]
    assert main(["fit", "iris.csv", *target]) == 0
    assert "[red]$x_$ 価格 :smile:" in capsys.readouterr().out


TABLES = {
    "cell.csv": ("a,b,y\n1,2,3\n4,5x,6\n7,8,9\n", "line 3, column 'b': '5x' is not a"),
    "gap.csv": (
        "a,b,y\n1,2,3\n4,5,\n7,8,9\n",
        "column 'y', the target, is missing in 1 of 3 rows (line 3)",
    ),
    "inf.csv": ("a,y\n1,2\n3,inf\n5,6\n7,8\n", "line 3, column 'y': 'inf' is infinite"),
    "constant.csv": (
        "a,b,y\n1,2,3\n2,2,4\n3,2,5\n4,2,6\n",
        "column 'b' holds 2 in every",
    ),
    "class.csv": ("a,y\n1,x\n2,x\n", "column 'y' holds x in every row"),
    "few.csv": ("a,y\n1,1\n2,2\n3,3\n", "the table has 3 rows; at least 4 are needed"),
    "twice.csv": ("y,y\n1,2\n", "columns 1 and 2 are both named 'y'"),
    "header.csv": ("a,y\n", "no rows"),
    "empty.csv": ("", "is empty"),
    "binary.csv": ("a,y\n\0", "binary"),
    "alone.csv": ("y\n1\n2\n", "no column is left"),
}


@pytest.mark.parametrize("name", TABLES)
def test_bad_tables_are_told_in_one_line(name, capsys):
    content, message = TABLES[name]
    Path(name).write_text(content)
    assert main(["fit", name, "--target", "y"]) == 2
    check_error(capsys, f"nanonet: error: {name}", message)
    assert written() == [name]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "irs.csv", "--target", "species"], "did you mean iris.csv?"),
        (["fit", ".", "--target", "species"], "is a folder"),
        (["fit", "iris.csv", "--target", "specie"], "did you mean 'species'?"),
        ([*FIT, "--ignore", "petal_with"], "did you mean 'petal_width'?"),
        ([*FIT, "--rule", "adma"], "did you mean 'adam'?"),
        ([*FIT, "--learning-rate", "-0.1"], "--learning-rate: -0.1 is not a finite"),
        ([*FIT, "--learning-rate", "nan"], "--learning-rate: nan"),
        ([*FIT, "--l2", "-1"], "--l2: -1"),
        ([*FIT, "--hidden", "-1"], "--hidden: -1 is not"),
        ([*FIT, "--hidden", "5,0"], "--hidden: 0 is not a whole number from 1"),
        ([*FIT, "--hidden", "many"], "--hidden: many"),
        ([*FIT, "--max-steps", "1.5"], "--max-steps: 1.5"),
        ([*FIT, "--test-fraction", "1"], "--test-fraction: 1 is not"),
        ([*FIT, "--time-limit", "inf"], "--time-limit: inf"),
        ([*FIT, "--seed", "-1"], "--seed: -1"),
        ([*FIT, "--out", "no/m"], "no/m cannot be written: No such file or directory"),
        ([*FIT, "--out", "."], ". cannot be written: it is a folder"),
        (
            [*FIT, "--out", "iris.csv/m"],
            "iris.csv/m cannot be written: Not a directory",
        ),
        ([*FIT, "--plot", "no/p.png"], "no/p.png cannot be written"),
        ([*FIT, "--plot", "p.pdf"], "--plot p.pdf must end in .png"),
        (
            [*FIT, "--out", "./iris.csv"],
            "--out (./iris.csv) and the table must be different",
        ),
        (["fit", "iris.csv"], "--target"),
        (["fti"], "fti"),
        (["--sed", "1"], "--sed"),
        (["xor", "--starts", "0"], "--starts: 0"),
    ],
)
def test_bad_arguments_are_told_in_one_line(arguments, message, capsys):
    before = Path("iris.csv").read_bytes()
    assert main(arguments) == 2
    check_error(capsys, message)
    assert written() == []
    assert Path("iris.csv").read_bytes() == before


def test_a_missing_package_stops_before_the_training(monkeypatch, capsys):
    def missing(module, *, extra):
        if module == "matplotlib":
            raise ModuleNotFoundError("pip install 'nanonet[plot]'")

    monkeypatch.setattr(cli.fit, "require", missing)
    monkeypatch.setattr(cli.fit, "fit_table", None)
    assert main(FIT) == 2
    check_error(capsys, "nanonet[plot]")
    assert written() == []


@pytest.mark.slow
def test_the_examples_of_all_helps_work_one_after_the_other(capsys):
    for command in (None, "xor", "explain", "race", "fit", "predict", "export"):
        with pytest.raises(SystemExit, match="0"):
            main(["--help"] if command is None else [command, "--help"])
        example = re.search(r"example: nanonet (.*)", capsys.readouterr().out)[1]
        assert main(example.split()) == 0
    assert written() == [
        "iris-loss.png",
        "iris.c",
        "iris.nanonet",
        "predictions.csv",
    ]


def start(*arguments):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "nanonet", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    )


def test_the_module_runs_as_a_command():
    with start("fit", "none.csv", "--target", "y") as process:
        out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert err == "nanonet: error: none.csv does not exist.\n"


def test_ctrl_c_keeps_what_was_learnt(monkeypatch, capsys):
    press_ctrl_c_in_chunk(3, monkeypatch)
    arguments = [*FIT, "--learning-rate", "1e-9", "--max-steps", "1000000000"]
    assert main(arguments) == 130
    assert "Interrupted from the keyboard" in capsys.readouterr().out
    load_model("iris.nanonet")
    assert written() == ["iris-loss.png", "iris.nanonet"]


def press_ctrl_c_in_chunk(number, monkeypatch):
    """Let the signal arrive while steps are being taken, as from a keyboard."""
    advance, calls = Batch.advance, itertools.count(1)

    def interrupted_advance(*arguments):
        if next(calls) == number:
            signal.raise_signal(signal.SIGINT)
        return advance(*arguments)

    monkeypatch.setattr(Batch, "advance", interrupted_advance)
