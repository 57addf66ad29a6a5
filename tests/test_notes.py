"""The notes page by page, notebooks/README.md: its names, its links, its numbers."""

import re
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import nanonet

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
PAGE = (NOTEBOOKS / "README.md").read_text("utf8")

pytestmark = pytest.mark.precision("x64", reason="the page's numbers are exact")


def test_every_page_has_its_section():
    assert re.findall(r'<a id="page-(\d+)"></a>\n\n## Page (\d+)', PAGE) == [
        (str(n), str(n)) for n in range(1, 11)
    ]


def test_names_and_links_are_there():
    spans = set(re.findall(r"(?<!`)`([a-z][\w.]*)(?:\(.*?\))?`(?!`)", PAGE))
    assert {"explain", "ewma_weights", "nanonet.plot.tangents"} <= spans
    for name in spans:
        found = nanonet
        for part in name.removeprefix("nanonet.").split("."):
            found = getattr(found, part)
    links = re.findall(r"\]\(([^)]*)\)", PAGE)
    for link in links:
        anchor = f'id="{link[1:]}"' in PAGE
        assert anchor if link[0] == "#" else (NOTEBOOKS / link).exists(), link
    assert {*links} >= {path.name for path in NOTEBOOKS.glob("*.ipynb")}


def test_averages_written_out():
    """Page 3: v(1), v(2), v(3), and page 4 by hand."""
    beta, x = 0.9, np.array([10.0, 12.0, 9.0, 11.0, 10.0])
    v = np.asarray(nanonet.ewma_of(x, beta, debias=False))
    k = 1 - beta
    written = [
        k * x[0],
        beta * k * x[0] + k * x[1],
        beta**2 * k * x[0] + beta * k * x[1] + k * x[2],
    ]
    np.testing.assert_allclose(v[:3], written, rtol=1e-14)
    np.testing.assert_allclose(v[[0, 1, 4]], [1, 2.1, 4.2499], rtol=1e-14)
    corrected = np.asarray(nanonet.ewma_of(x, beta))
    np.testing.assert_allclose(corrected[[0, 4]], [10, 4.2499 / 0.40951], rtol=1e-14)
    assert "4.2499/0.40951 = 10.378" in PAGE


def test_momentum_with_the_velocity_put_in_and_the_invariants_of_the_proof():
    """On J = ½(a² + 20 b²), seven steps of each form."""
    alpha, beta = 0.05, 0.9
    scaled = alpha / (1 - beta)
    rules = {
        "standard": nanonet.momentum(alpha, beta),
        "negated": nanonet.momentum(alpha, beta, form="negated"),
        "ewma": nanonet.momentum(scaled, beta, form="ewma"),
    }
    start = jnp.array([4.0, 1.0])
    runs = {name: (start, rule.init(start)) for name, rule in rules.items()}
    for _ in range(7):
        old, velocity = {}, {}
        for name, rule in rules.items():
            theta, state = runs[name]
            old[name] = theta, optax.tree.get(state, "trace")
            update, state = rule.update(theta * jnp.array([1.0, 20.0]), state)
            runs[name] = theta + jnp.asarray(update), state
            velocity[name] = optax.tree.get(state, "trace")
        (theta, v), (_, e) = old["standard"], old["ewma"]
        slope = theta * jnp.array([1.0, 20.0])
        put_in = [
            theta - beta * v - alpha * slope,
            theta - scaled * beta * e - scaled * (1 - beta) * slope,
        ]
        for name, written in zip(("standard", "ewma"), put_in, strict=True):
            np.testing.assert_allclose(runs[name][0], written, rtol=1e-12)
        s, n, e = velocity.values()
        np.testing.assert_allclose(n, -s, rtol=1e-12)
        np.testing.assert_allclose(scaled * e, s, rtol=1e-12)


def test_the_gradient_and_the_hessian_of_two_letters():
    def f(p):
        return p["x"] ** 2 * p["y"] + p["y"] ** 3

    at = {"x": 1.0, "y": 2.0}
    slope = nanonet.gradient(f, at)
    assert (slope["x"], slope["y"]) == (4, 13)
    np.testing.assert_array_equal(nanonet.hessian(f, at).matrix, [[4, 2], [2, 12]])
