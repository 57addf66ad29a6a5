"""The playground's page: its address, its table, and the whole of it in a browser."""

import html.parser
import re

import jax
import numpy as np
import pytest
from helpers import XOR_X, XOR_Y, check_error
from playground import in_browser, in_node, needs_chromium, needs_node

import nanonet
from nanonet.cli.main import main
from nanonet.explorer.playground.assemble import playground_page
from nanonet.network.names import parameter_names

pytestmark = pytest.mark.precision("x64", reason="the page computes in float64")


@needs_node
def test_parameters_are_called_as_in_nanonet():
    sizes = [[2, 3, 1], [1, 2, 2, 1], [2, 1]]
    script = "return given.map((s) => parameterNames(makeNetwork(s, 'tanh', 'tanh')));"
    for size, names in zip(sizes, in_node(script, sizes), strict=True):
        params = nanonet.mlp(size).init(jax.random.key(0))
        assert names == parameter_names(params)


@needs_node
def test_an_address_holds_the_state():
    script = """const settings = { ...usualSettings("moons"), data: "moons",
      hidden: "3, 2",
      rule: "adam", noise: 0.2, example: 1, at: "0:0.5" };
    const { problem, test, θ } = problemOf(settings);
    const options = { ...usualOptions("adam", false), ε: 1e-4 };
    const run = new Run(problem, test, "adam", options, θ);
    run.goTo(12);
    run.change({ ...run.options, α: 0.5, β1: 0.7 });
    run.goTo(30);
    const told = fromFragment(toFragment(settings, run));
    const wrong = fromFragment("rule=none&data=none&step=-4&then=x%203.alpha+1.alpha=0"
      + "&count=1e9&held=x&activation=toString&alpha=1e9&nesterov=maybe");
    const short = toFragment(settings, new Run(problem, test, "adam", options, θ));
    const usual = usualOptions("gradient_descent");
    return { settings, told, wrong, short, usual: { ...DEFAULTS }, options: usual };"""
    found = in_node(script)
    told = found["told"]
    assert told["settings"] == found["settings"]
    assert told["step"] == 30
    assert told["options"]["ε"] == 1e-4
    assert told["changes"] == [
        {"step": 12, "name": "α", "value": 0.5},
        {"step": 12, "name": "β1", "value": 0.7},
    ]
    assert "activation" not in found["short"]  # what goes with the data is not told
    assert found["wrong"]["settings"] == found["usual"]
    assert found["wrong"]["options"] == found["options"]
    assert found["wrong"]["changes"] == []
    assert found["wrong"]["step"] == 0


@needs_node
def test_examples_to_learn():
    """Two classes as large, near their shapes; curves with noise; a part held out."""
    script = """return Object.fromEntries(given.map((name) => {
      const all = examples(name, 100, 0.05, 3);
      const { train, test } = parted(all, 0.25, 3);
      const rows = ({ x, y }) => Array.from(x, (row, i) => [...row, y[i]]);
      return [name, { all: rows(all), train: rows(train), test: rows(test) }];
    }));"""
    planes = ["circles", "moons", "spirals", "clusters"]
    found = in_node(script, [*planes, "sine"])
    for name, parts in found.items():
        assert (len(parts["train"]), len(parts["test"])) == (75, 25)
        assert sorted(parts["train"] + parts["test"]) == sorted(parts["all"])
        rows = np.array(parts["all"])
        if name in planes:
            assert rows[:, 2].sum() == 50
            assert np.abs(rows[:, :2]).max() < 2.5
    x1, x2, y = np.array(found["circles"]["all"]).T
    np.testing.assert_allclose(np.hypot(x1, x2), np.where(y, 0.7, 1.7), atol=0.25)
    x, y = np.array(found["sine"]["all"]).T
    noise = y - np.sin(x)
    assert 0.03 < noise.std() < 0.07
    assert abs(noise.mean()) < 0.02


@needs_node
def test_a_pasted_table():
    tables = {
        "a;b;kind\n1;2;no\n3;5;yes\n\n5;2;yes": [[[1, 2], [3, 5], [5, 2]], [0, 1, 1]],
        "1,2.5\n2,3\n3,4": [[[1], [2], [3]], [2.5, 3, 4]],
        "1\t2\n": "at least two rows",
        "x,y\n1,2\n2,b\n3,c": "Line 3, cell 2: “b” is no number.",
        "1,2,3\n1,2,4\n1,2": "Line 3: 2 cells, where the first row has 3.",
        "1\n2\n3": "Line 1: one input and y",
    }
    script = """return given.map((text) => {
      try {
        const { x, y } = readTable(text, false);
        return [x, y];
      } catch (error) {
        return error.message;
      }
    });"""
    for found, expected in zip(
        in_node(script, [*tables]), tables.values(), strict=True
    ):
        if isinstance(expected, str):
            assert expected in found
        else:
            assert found == expected
    scaled = in_node(
        "const { x, y } = readTable(given, true); return [x, y];", "1,2\n2,3\n3,7"
    )
    x, y = map(np.array, scaled)
    np.testing.assert_allclose(
        [x.mean(), x.std(), y.mean(), y.std()], [0, 1, 0, 1], atol=1e-15
    )


def test_the_page_is_whole_and_loads_nothing():
    class Addresses(html.parser.HTMLParser):
        found: tuple = ()

        def handle_starttag(self, tag, attrs):
            self.found += tuple(v for name, v in attrs if name in ("src", "href"))

    page = playground_page()
    parser = Addresses()
    parser.feed(page)
    assert parser.found == ("data:,",)
    assert "default-src 'none'" in page
    assert not re.search(r"/\*(STYLE|SCRIPT)\*/", page)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)


def test_play_writes_the_page(tmp_path, capsys):
    out = tmp_path / "xor.html"
    assert main(["play", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"written: {out} (open it in a browser)\n"
    assert out.read_text("utf8") == playground_page()
    assert main(["play", "--out", str(tmp_path)]) == 2
    check_error(capsys, str(tmp_path), "it is a folder")


def library_values(rule, steps):
    """J of the page's first start and of every step."""
    network = nanonet.two_two_one(init="uniform")
    J = nanonet.objective(network, nanonet.half_squared_error, XOR_X, XOR_Y)
    start = network.init(key=jax.random.key(8))
    return nanonet.minimize(J, start, rule, max_steps=steps, gtol=0.0).history.value


@needs_chromium
def test_the_page_in_a_browser(tmp_path):
    """Played, stepped, gone back, changed on the way, diverged: by its own buttons."""
    script = """
    const news = () => $("news").textContent;
    const shown = () => ({ status: $("status").textContent, J: page.run.point.value });
    const click = async (id) => { $(id).click(); await settled(); };
    const slide = (id, value) => {
      const slider = $(id).querySelector("input[type=range]");
      slider.value = value;
      slider.dispatchEvent(new Event("input"));
    };
    await settled();
    const told = { opened: shown() };
    await click("step");
    told.stepped = shown();
    await click("back");
    told.back = shown();
    slide("network", -2);
    await settled();
    told.penalized = shown();
    told.weights = page.run.problem.network.weights.map((k) => page.run.point.θ[k]);
    told.address = toFragment(page.settings, page.run);
    slide("network", -7);
    await settled();
    told.free = shown();
    told.controls = [...$("options").querySelectorAll("b, select, input")].length;
    const rule = $("rules").querySelector("select");
    rule.value = "adam";
    rule.dispatchEvent(new Event("change"));
    await settled();
    told.adam = [...$("options").querySelectorAll("b")].map((each) => each.textContent);
    $("play").click();
    await until(() => page.run.step > 3);
    slide("options", -2);
    const changed = page.run.step;
    await until(() => page.run.step > changed + 3);
    told.onTheWay = [page.playing, page.run.options.α, page.run.changes.length];
    await click("play");
    told.played = page.run.step;
    $("history").value = 3;
    $("history").dispatchEvent(new Event("input"));
    await settled();
    told.third = shown();
    slide("options", 2);
    await settled();
    told.future = [page.run.last, page.run.options.α];
    $("numbers").open = true;
    document.querySelector("#diagram .hit").dispatchEvent(new Event("click"));
    await settled();
    told.tables = $("tables").textContent;
    chooseData({ data: "sine" });
    page.run.change({ ...page.run.options, α: 50 });
    rule.value = "gradient_descent";
    chooseRule("gradient_descent");
    page.run.change({ ...page.run.options, α: 50 });
    go(1000);
    await settled();
    told.diverged = [news(), $("news").className, $("play").disabled];
    $("table").value = "1,2\\n2,oops\\n3,x";
    await click("learn");
    told.wrong = $("wrong").textContent;
    told.errors = errors;
    return told;
    """.replace("\\\\", "\\")
    told = in_browser(tmp_path, script, "alpha=10&step=200")
    values = library_values(nanonet.gradient_descent(10.0), 200)
    assert told["opened"]["J"] == pytest.approx(values[200], rel=1e-12)
    assert told["opened"]["status"].startswith(f"step 200   J = {values[200]:.6g}")
    assert told["stepped"]["status"].startswith("step 201")
    assert told["back"] == told["opened"]
    penalty = 0.01 * np.sum(np.square(told["weights"])) / 2
    assert len(told["weights"]) == 6  # no biases
    grown = told["penalized"]["J"] - told["opened"]["J"]
    assert grown == pytest.approx(penalty, rel=1e-12)
    assert "then=200.l2%3D0.01" in told["address"]
    assert told["free"] == told["opened"]
    assert (
        told["controls"] == 2
    )  # α and its slider: nothing that the rule does not heed
    assert told["adam"] == ["α", "β1", "β2", "ε"]
    assert told["played"] > 3
    third = library_values(nanonet.adam(0.1), 3)[3]
    assert told["onTheWay"] == [True, 0.01, 2]  # α acts while it plays
    assert told["third"]["J"] == pytest.approx(third, rel=1e-12)
    assert told["future"] == [3, 100]
    assert "The chain rule, example 4" in told["tables"]
    assert "∂J/∂w1" in told["tables"]
    words, kind, disabled = told["diverged"]
    assert words.startswith("It has diverged: after step ")
    assert "α = 50 is too large" in words
    assert kind == "bad"
    assert disabled
    assert told["wrong"] == "Line 2, cell 2: “oops” is no number."
    assert told["errors"] == []
