"""Categories of few rows are one; those that are new when predicting are so, too."""

import numpy as np
import pandas as pd
import pytest
from helpers import ITS_OWN_PRECISION

from nanonet.fitting.fit_table import fit_table
from nanonet.model.model import predict
from nanonet.model.storage import load_model, save_model
from nanonet.table.checks import DataWarning
from nanonet.table.columns import Column, describe
from nanonet.table.examples import read_frame
from nanonet.table.pooling import pooled

pytestmark = ITS_OWN_PRECISION


def cells(text, name="kind"):
    return pd.Series([None if cell == "-" else cell for cell in text], name=name)


def test_levels_of_few_rows_are_one():
    given = cells("aaabbbcd-")
    column, few = pooled(describe(given), given, 3)
    assert (column.levels, few) == (("a", "b", "", "rare"), ("c", "d"))
    assert column.labels()[2:] == ["kind = missing", "kind = rare"]


@pytest.mark.parametrize(("text", "least"), [("aaabbb", 3), ("aabb", 3), ("aab", 0)])
def test_where_none_is_rare_or_all_are_nothing_changes(text, least):
    column = describe(cells(text))
    assert pooled(column, cells(text), least) == (column, ())


def test_a_level_that_is_called_rare_stays():
    given = pd.Series(["rare"] * 3 + ["b"] * 3 + ["c"], name="kind")
    assert pooled(describe(given), given, 2)[0].levels == ("b", "rare", "(rare)")


def test_numbers_are_counted_by_their_value():
    given = pd.Series(["1", "1.0", "01", "2", "3"], name="kind")
    column = describe(given, categorical=True)
    assert pooled(column, given, 2)[1] == ("2", "3")


def test_rare_and_new_categories_are_encoded_alike(recwarn):
    frame = pd.DataFrame({"kind": list("aaabbbcd"), "y": np.arange(8.0)})
    found = read_frame(frame, "y", rare=3)
    expected = np.eye(3)[[0, 0, 0, 1, 1, 1, 2, 2]]
    np.testing.assert_array_equal(found.x, expected)
    assert not recwarn
    with pytest.raises(ValueError, match="rare=-1"):
        read_frame(frame, "y", rare=-1)


def test_a_model_of_rare_categories_is_saved_and_asked_for_new_ones(tmp_path, recwarn):
    frame = pd.DataFrame({"kind": list("aaaabbbbcd") * 2, "y": np.arange(20.0)})
    found = fit_table(frame, "y", rare=5, hidden=1, starts=1, l2=0.1, max_steps=9)
    assert found.inputs == (Column("kind", ("a", "b", "rare"), rare=True),)
    save_model(tmp_path / "m", found.model)
    loaded = load_model(tmp_path / "m")
    answers = predict(loaded, pd.DataFrame({"kind": list("abcdz")}))
    assert answers[2] == answers[3] == answers[4]
    assert not [w for w in recwarn if issubclass(w.category, DataWarning)]
    equation = {}
    exec(found.equation(tolerance=1e-3).python(), equation)
    of_letters = [equation["predict"](letter) for letter in "abcdz"]
    np.testing.assert_allclose(of_letters, answers, atol=1e-3)
