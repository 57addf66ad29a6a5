"""Cells that are missing, and categories that are new."""

import numpy as np
import pandas as pd
import pytest

from nanonet.table.cells import MISSING, is_missing, numbers
from nanonet.table.checks import DataWarning
from nanonet.table.columns import Column, describe, standardize
from nanonet.table.encoding import encode, read_cells
from nanonet.table.examples import numeric_columns, read_frame
from nanonet.table.read import TableError

pytestmark = pytest.mark.precision("x64", reason="NumPy alone, in float64")


def test_what_pandas_reads_as_missing_is_missing(tmp_path):
    """Whatever pandas does not tell from an empty cell, we do not either."""
    written = [*sorted(MISSING - {"?"}), "NULL", "NaN", "None", "<NA>", "#N/A"]
    path = tmp_path / "table.csv"
    path.write_text("x,y\n" + "".join(f"{word},1\n" for word in written))
    of_pandas = pd.read_csv(path)["x"].isna()
    ours = is_missing(pd.Series(written))
    assert ours.all()
    assert np.all(ours | ~of_pandas)
    assert not is_missing(pd.Series(["none", "-", "0", "nothing"])).any()


@pytest.mark.parametrize("word", ["", " ", "NA", "NaN", "n/a", "?", "null", "-", None])
def test_a_number_that_is_missing_is_the_mean_with_an_indicator(word):
    frame = pd.DataFrame({"age": ["1", word, "2", "6"]})
    column = describe(frame["age"])
    assert column == Column("age", missing=True)
    columns = standardize([column], read_cells([column], frame))
    z = encode(columns, frame)
    known = np.array([1.0, 2, 6])
    expected = (known - known.mean()) / known.std()
    np.testing.assert_allclose(z[[0, 2, 3], 0], expected, rtol=1e-14)
    assert z[1].tolist() == [0, 1]
    assert z[[0, 2, 3], 1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("kind", ["Int64", "Float64", "float64", "object"])
def test_missing_cells_of_every_dtype(kind):
    cells = pd.Series([1, None, 3], dtype=kind)
    np.testing.assert_array_equal(numbers(cells), [1, np.nan, 3])


def test_a_category_that_is_missing_is_a_level():
    cells = pd.Series(["b", "NA", "a", None, "b"], name="c")
    column = describe(cells)
    assert column.levels == ("a", "b", "")
    assert column.labels() == ["c = a", "c = b", "c = missing"]
    one_hot = [[0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 0, 1], [0, 1, 0]]
    np.testing.assert_array_equal(encode([column], cells.to_frame()), one_hot)


def test_columns_of_hardly_anything():
    for words in (["", "NA", "?"], [None, None]):
        with pytest.raises(TableError, match="'a' holds no value in any row"):
            describe(pd.Series(words, name="a", dtype=object))
    assert describe(pd.Series(["7", "", "7"], name="a")).missing
    assert describe(pd.Series(["x", "", "x"], name="a")).levels == ("x", "")
    with pytest.raises(TableError, match="another text in every row"):
        describe(pd.Series(["x", "y", ""], name="a"))


def test_what_was_never_missing_is_the_mean_with_a_warning():
    columns = Column("a", None, 5.0, 2.0), Column("b", None, 1.0, 1.0)
    x = np.array([[7.0, 1.0], [np.nan, 2.0]])
    for given, named in ((pd.DataFrame(x, columns=["a", "b"]), "'a'"), (x, "'a'")):
        with pytest.warns(DataWarning, match=rf"{named}: missing in 1 of 2.*mean, 5"):
            z = encode(columns, given)
        np.testing.assert_array_equal(z, [[1, 0], [0, 1]])


def test_a_new_category_is_none_with_one_warning():
    columns = Column("city", ("Rome", "Bonn")), Column("a")
    frame = pd.DataFrame({"city": ["Rome", "Oslo", "Oslo", ""], "a": [0, 1, 2, 3]})
    with pytest.warns(DataWarning) as caught:
        cells = read_cells(columns, frame)
    assert len(caught) == 1
    assert "'city': no row" in str(caught[0].message)
    assert "is missing, 'Oslo' (rows 1, 2, 3 here)" in str(caught[0].message)
    np.testing.assert_array_equal(cells[:, :2], [[1, 0], [0, 0], [0, 0], [0, 0]])


def test_targets_that_are_missing_are_counted_and_named():
    frame = pd.DataFrame({"x": range(9), "y": [1, None, 3, "?", *range(5)]})
    frame.index = pd.RangeIndex(2, 11, name="line")
    with pytest.raises(TableError, match=r"'y', the target, .* 2 of 9 .*lines 3, 5\)"):
        read_frame(frame, "y")
    classes = frame.assign(y=["no", "", *["yes", "no"] * 3, ""])
    with pytest.raises(TableError, match=r"2 of 9 .*lines 3, 10\)"):
        read_frame(classes, "y")
    # What is missing among numbers may be a class.
    assert read_frame(frame.assign(y=["-", "+", "-"] * 3), "y").targets[0].levels == (
        "+",
        "-",
    )


def test_matrices_have_columns_with_missing_cells():
    x = np.array([[np.nan, 1.0], [2.0, 3.0], [4.0, 5.0]])
    columns = standardize(numeric_columns(x), read_cells(numeric_columns(x), x))
    z = encode(columns, x, named=False)
    np.testing.assert_array_equal(z[:, :2], [[0, 1], [-1, 0], [1, 0]])
    with pytest.raises(ValueError, match="column 'x1' holds no value"):
        numeric_columns(x * np.nan)
