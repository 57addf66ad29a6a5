import math

import numpy as np
import pytest

import nanonet
from nanonet.explanation.worksheet import worksheet

pytestmark = pytest.mark.precision("x64", reason="the key is compared to 1e-12")


def by_hand(key):
    """The notes' equations, in Python's floats."""
    x1, x2, y = (each.value for each in key.given)
    p = {str(each.parameter): each.old for each in key.derivatives}
    z1 = x1 * p["w1"] + x2 * p["w3"] + p["b3"]
    z2 = x1 * p["w2"] + x2 * p["w4"] + p["b4"]
    h1, h2 = 1 / (1 + math.exp(-z1)), 1 / (1 + math.exp(-z2))
    z = h1 * p["w5"] + h2 * p["w6"] + p["b5"]
    answer = 1 / (1 + math.exp(-z))
    slope = (answer - y) * answer * (1 - answer)
    return {
        "z_h1": z1,
        "out_h2": h2,
        "ŷ": answer,
        "error": answer - y,
        "∂ŷ/∂z_o1": answer * (1 - answer),
        "∂J/∂w5": slope * h1,
        "w5 new": p["w5"] - 0.5 * slope * h1,
        "∂out_h1/∂z_h1": h1 * (1 - h1),
        "∂J/∂w1": slope * p["w5"] * h1 * (1 - h1) * x1,
    }


def test_sheets_have_kind_numbers_and_a_key():
    for seed in (1, 2):
        sheet = worksheet(nanonet.two_two_one(), seed)
        blanks, hand = sheet.blanks(), by_hand(sheet.key)
        for symbol, value in hand.items():
            assert blanks[symbol] == pytest.approx(value, rel=1e-12), symbol
        params = np.array([each.old for each in sheet.key.derivatives])
        assert np.all(params * 2 == np.round(params * 2))
        assert max(abs(blanks[z]) for z in ("z_h1", "z_h2", "z_o1")) <= 2.5
        rounded = {symbol: round(value, 3) for symbol, value in hand.items()}
        assert sheet.check(rounded) == "All 9 are right; 32 are left."
        assert sheet.check({s: round(v, 3) for s, v in blanks.items()}) == "All right."


def test_the_first_slip_is_named():
    sheet = worksheet(nanonet.two_two_one(), 1)
    answers = by_hand(sheet.key)
    answers["∂ŷ/∂z_o1"] = 2 * answers["ŷ"] * (1 - answers["ŷ"])
    answers["∂J/∂w5"] *= 2
    told = sheet.check(dict(reversed(answers.items())))
    assert told.startswith("∂ŷ/∂z_o1 = ")
    assert "is not right (4 right before it)" in told
    assert "ŷ = nan is not right" in sheet.check({"ŷ": math.nan})
    with pytest.raises(ValueError, match="symbol='z_h9' is unknown"):
        sheet.check({"z_h9": 1.0})


def test_a_sheet_shows_what_is_given_and_nothing_that_is_asked():
    sheet = worksheet(nanonet.two_two_one(), 1)
    text = str(sheet)
    assert " x, y x1 = 1, x2 = 1, y = 0\n" in text
    assert "z_h1   = x1·w1 + x2·w3 + b3 = ______\n" in text
    assert text.count("∂J/∂ŷ         = ŷ − y = ______") == 1
    for symbol, value in sheet.blanks().items():
        if not (value * 2).is_integer():
            assert f"{value:.4g}" not in text, symbol
    assert "______" in sheet._repr_html_()
    assert repr(sheet) == "Worksheet of 41 blanks"


def test_weights_that_skip_the_hidden_units_are_asked_for():
    """∂J/∂s = δ x, δ = (ŷ - y)·ŷ·(1 - ŷ)."""
    network = nanonet.mlp([2, 1, 1], skip=True)
    sheet = worksheet(network, 1)
    blanks, given = sheet.blanks(), {str(q.symbol): q.value for q in sheet.key.given}
    delta = blanks["error"] * blanks["ŷ"] * (1 - blanks["ŷ"])
    for x in ("x1", "x2"):
        slope = delta * given[x]
        assert blanks[f"∂J/∂w_{x}_o1"] == pytest.approx(slope, rel=1e-12)
    assert "+ x1·w_x1_o1 + x2·w_x2_o1 + b_o1 = ______\n" in str(sheet)


def test_several_paths_are_too_much_for_a_sheet():
    with pytest.raises(ValueError, match="several paths to J"):
        worksheet(nanonet.mlp([1, 2, 2]))
    with pytest.raises(ValueError, match="seed=-1"):
        worksheet(nanonet.two_two_one(), -1)
