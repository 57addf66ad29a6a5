"""One palette for all pictures: a rule's colour, and what the colour-blind see."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from nanonet import plot
from nanonet.plot.style import RULE_COLORS
from nanonet.rules._parts.registry import NAMED

pytestmark = pytest.mark.precision("x64")


def test_a_rule_has_one_colour_in_every_picture():
    alone = plot.looks(["adam"])["adam"]
    names = ["Gradient descent", "L-BFGS", "BFGS", "Adam, α = 0.1", "Adam, α = 0.01"]
    together = plot.looks([*names, "my own", "my other"])
    assert together["Adam, α = 0.1"] == alone
    again = together["Adam, α = 0.01"]
    assert again.color == alone.color
    assert again.linestyle != alone.linestyle
    assert together["L-BFGS"].color == together["BFGS"].color
    assert len(set(together.values())) == len(together)
    colors = [together[name].color for name in ("BFGS", "my own", "my other")]
    assert len(set(colors)) == 3
    assert plot.looks(["RMSprop with momentum"]) == {
        "RMSprop with momentum": plot.looks(["rmsprop"])["rmsprop"]
    }


def test_every_rule_that_has_a_name_has_a_color():
    assert set(RULE_COLORS) >= set(NAMED)
    for name, rule in NAMED.items():
        assert plot.looks([rule.label])[rule.label].color == RULE_COLORS[name]


# How those see linear RGB who lack one kind of cone: Machado, Oliveira & Fernandes,
# "A physiologically-based model for simulation of color vision deficiency", 2009.
SIGHT = {
    "all three": np.eye(3),
    "no long": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no medium": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no short": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}

TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]


def lab(linear):
    """CIE L*a*b*, in which equal distances look about equal."""
    xyz = np.array(TO_XYZ) @ np.clip(linear, 0, 1) / [0.9505, 1.0, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_the_colours_of_rules_look_different_to_the_colour_blind():
    rgb = np.array([to_rgb(color) for color in sorted(set(RULE_COLORS.values()))])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    for sight, matrix in SIGHT.items():
        seen = [lab(np.array(matrix) @ color) for color in linear]
        for one, other in itertools.combinations(seen, 2):
            # 2.3 is the least difference that is seen at all, side by side.
            assert np.linalg.norm(one - other) > 15, sight
