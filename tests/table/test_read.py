import csv
import io

import numpy as np
import pandas as pd
import pytest

from nanonet.table.columns import Column, decode, describe, standardize
from nanonet.table.encoding import encode, read_cells, read_targets
from nanonet.table.read import TableError, read_table


def write(folder, text):
    path = folder / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_cells_are_text_and_rows_are_numbered_by_line(tmp_path):
    frame = read_table(write(tmp_path, "a, b\n1,x \n\n,\n2,y z\n"))
    assert list(frame.columns) == ["a", "b"]
    assert frame.to_numpy().tolist() == [["1", "x"], ["2", "y z"]]
    assert list(frame.index) == [2, 5]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_separators_and_line_ends(tmp_path, separator, line_end):
    lines = [["a", "b"], ["1,5 m", "x"], ["2", 'say "y"']]
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator, lineterminator=line_end).writerows(lines)
    frame = read_table(write(tmp_path, "\ufeff" + file.getvalue()))
    assert [list(frame.columns), *frame.to_numpy().tolist()] == lines


def test_spaces_separate_where_nothing_else_does(tmp_path):
    text = '  a   b  "c d"\n\n 1   0,5  "x y"  \n20\t-1,5  z\n\n'
    frame = read_table(write(tmp_path, text.replace('"c d"', "c")))
    assert list(frame.columns) == ["a", "b", "c"]
    assert frame.to_numpy().tolist() == [["1", "0.5", "x y"], ["20", "-1.5", "z"]]
    assert list(frame.index) == [3, 4]
    assert list(read_table(write(tmp_path, "body mass\n1\n2\n")).columns) == [
        "body mass"
    ]
    with pytest.raises(TableError, match="Expected 2 fields in line 3, saw 3"):
        read_table(write(tmp_path, "a b\n1 2\n1 2 3\n"))


def test_decimal_commas_are_points_where_a_semicolon_separates(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a;b;c\n0,5;1,000;x,1\n-2;1.5;y\n1,5e3;2,5;z\n")
    table = read_table(path)
    assert list(table["a"]) == ["0.5", "-2", "1.5e3"]
    assert list(table["b"]) == ["1.000", "1.5", "2.5"]
    assert list(table["c"]) == ["x,1", "y", "z"]
    path.write_text('a,b\n"1,5",2\n1,3\n2,4\n')
    with pytest.raises(TableError, match=r"'1,5' is not a number.* decimal point"):
        describe(read_table(path)["a"])


def test_levels_are_told_apart_by_value():
    column = describe(pd.Series(["0", "1", "0.0", "1.00"], name="y"), categorical=True)
    assert column.levels == ("0", "1")
    frame = pd.DataFrame({"y": ["1e0", 0.0, 1]})
    np.testing.assert_array_equal(encode([column], frame), [[0, 1], [1, 0], [0, 1]])
    large = ["9007199254740993", "9007199254740992", "9007199254740993"]
    assert len(describe(pd.Series(large, name="id"), categorical=True).levels) == 2


def test_fishers_iris():
    # Fisher 1936, table II: means and the two rows that many copies have wrong.
    frame = read_table("iris")
    numbers = frame.drop(columns="species").astype(float)
    assert frame["species"].value_counts().to_dict() == {
        "setosa": 50,
        "versicolor": 50,
        "virginica": 50,
    }
    means = numbers.groupby(frame["species"]).mean().to_numpy()
    published = [
        [5.006, 3.428, 1.462, 0.246],
        [5.936, 2.770, 4.260, 1.326],
        [6.588, 2.974, 5.552, 2.026],
    ]
    np.testing.assert_allclose(means, published, rtol=1e-12)
    assert numbers.iloc[34].tolist() == [4.9, 3.1, 1.5, 0.2]
    assert numbers.iloc[37].tolist() == [4.9, 3.6, 1.4, 0.1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("\na,b\n1,2\n", "line 1: is blank"),
        ("a,b\n", "no rows"),
        ("a,b\n,\n", "no rows"),
        ("a,b,a\n1,2,3\n", "columns 1 and 3 are both named 'a'"),
        ("a,,b\n1,2,3\n", "column 2 has no name"),
        ("a,b\n1,2\n1,2,3\n", "Expected 2 fields in line 3, saw 3"),
        ('a,b\n"1,2\n', "not a table in CSV"),
        (b"a,b\n1,\xe9\n", "line 2: byte 0xe9 is not UTF-8"),
        (b"PK\x03\x04\0\0\0", "binary"),
    ],
)
def test_what_is_no_table(tmp_path, content, message):
    with pytest.raises(TableError, match=message) as error:
        read_table(write(tmp_path, content))
    assert str(tmp_path / "table.csv") in str(error.value)
    assert "\n" not in str(error.value)


def test_paths_that_are_no_file(tmp_path):
    path = write(tmp_path, "a,b\n1,2\n")
    with pytest.raises(TableError, match=f"did you mean {path}"):
        read_table(tmp_path / "tabel.csv")
    with pytest.raises(TableError, match="does not exist"):
        read_table(tmp_path / "no" / "table.csv")
    with pytest.raises(TableError, match="is a folder"):
        read_table(tmp_path)


def standardized(column, cells):
    frame = cells.to_frame()
    columns = standardize([column], read_cells([column], frame))
    return columns, encode(columns, frame)


def test_numbers_are_standardised():
    cells = pd.Series(["1", "2", " 3e0", "-4.5"], name="a")
    columns, z = standardized(describe(cells), cells)
    x = np.array([1, 2, 3, -4.5])
    np.testing.assert_allclose(z[:, 0], (x - x.mean()) / x.std(), rtol=1e-14)
    np.testing.assert_allclose(decode(columns, z)[:, 0], x, rtol=1e-14)


@pytest.mark.parametrize("unit", [1e-300, 1e-12, 1e12, 1e200, 1e307])
def test_standardising_does_not_depend_on_the_unit(unit):
    x = np.array([1.0, 2.0, 4.0])
    cells = pd.Series(x * unit, name="a")
    _, encoded = standardized(Column("a"), cells)
    np.testing.assert_allclose(encoded[:, 0], (x - x.mean()) / x.std(), rtol=1e-13)


def test_categories_are_one_hot():
    cells = pd.Series(["b", "a", "b ", "10"], name="a")
    column = describe(cells, categorical=False)
    assert column.levels == ("10", "a", "b")
    encoded = encode([column], cells.to_frame())
    np.testing.assert_array_equal(encoded, [[0, 0, 1], [0, 1, 0], [0, 0, 1], [1, 0, 0]])
    assert list(decode([column], 0.1 + 0.5 * encoded)) == ["b", "a", "b", "10"]


def test_numbers_can_be_named_categories():
    cells = pd.Series(["1", "2", "1", "3+"], name="a")
    assert describe(cells, categorical=True).levels == ("1", "2", "3+")
    with pytest.raises(TableError, match=r"row 3, column 'a': '3\+' is not a number"):
        describe(cells, categorical=False)


@pytest.mark.parametrize("value", ["inf", "-Infinity", "1e999"])
def test_infinite_cells_are_named(value):
    cells = pd.Series(["1", "2", value], name="a")
    with pytest.raises(TableError, match=r"row 2, column 'a': .* is infinite"):
        describe(cells, categorical=False)


def test_numbers_too_far_apart_to_scale():
    cells = pd.Series([-1.7e308, 1.7e308, 1.7e308], name="a")
    with pytest.raises(TableError, match=r"row 0, column 'a': .* too far"):
        standardized(Column("a"), cells)


def test_a_constant_column_teaches_nothing():
    for values in (["2", "2.0"], ["x", "x"]):
        with pytest.raises(TableError, match=r"'a' holds .* in every row"):
            describe(pd.Series(values, name="a"), categorical=False)


def test_unknown_levels_and_columns_are_named():
    column = Column("a", ("x", "y"))
    with pytest.raises(TableError, match="row 1, column 'a': 'z' is none of x, y"):
        read_targets([column], pd.DataFrame({"a": ["x", "z"]}))
    with pytest.raises(TableError, match="no column 'a'"):
        encode([column], pd.DataFrame({"b": ["x"]}))
    with pytest.raises(TableError, match="several columns 'a'"):
        encode([column], pd.DataFrame([["x", "y"]], columns=["a", "a"]))


def write_parquet(folder, frame):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    frame.to_parquet(folder / "table.parquet")
    return folder / "table.parquet"


def test_parquet_and_csv_hold_the_same_table(tmp_path):
    values = [0.1, -1e-300, 1 / 3, 1.7976931348623157e308]
    frame = pd.DataFrame(
        {
            "x": values,
            "n": [1, 2, 3, 2**60],
            "kind": pd.Categorical(["a ", "b", "b", "é"]),
            "ok": [True, False, True, True],
        },
        index=pd.Index([7, 8, 9, 10], name="id"),
    )
    frame.to_csv(tmp_path / "table.csv", index=False)
    of_parquet = read_table(write_parquet(tmp_path, frame))
    of_csv = read_table(tmp_path / "table.csv")
    assert of_parquet.to_numpy().tolist() == of_csv.to_numpy().tolist()
    assert list(of_parquet.columns) == ["x", "n", "kind", "ok"]
    assert [float(text) for text in of_parquet["x"]] == values
    assert (of_parquet.index.name, list(of_parquet.index)) == ("row", [0, 1, 2, 3])


def test_what_is_missing_in_parquet_is_missing(tmp_path):
    frame = pd.DataFrame({"x": [1.0, np.nan], "kind": ["a", None], "l": [[1, 2], None]})
    table = read_table(write_parquet(tmp_path, frame))
    assert table.iloc[1].tolist() == ["", "", ""]
    assert describe(table["x"]).missing


def test_parquet_that_is_no_table(tmp_path):
    path = write_parquet(tmp_path, pd.DataFrame({"x": [1.0, 2.0]}))
    sound = path.read_bytes()
    for content in (sound[:-9], sound[:4], sound[:40] + b"\xff" * 40 + sound[80:]):
        path.write_bytes(content)
        with pytest.raises(TableError, match=r"table\.parquet is not sound Parquet"):
            read_table(path)
    pd.DataFrame({"wxyz": ["stuv"]}).to_parquet(path, compression=None)
    for name in (b"stuv", b"wxyz"):
        content = path.read_bytes().replace(name, b"\xff" + name[1:])
        (tmp_path / "other.parquet").write_bytes(content)
        with pytest.raises(TableError, match="is not sound Parquet"):
            read_table(tmp_path / "other.parquet")
    with pytest.raises(TableError, match="has no rows"):
        read_table(write_parquet(tmp_path, pd.DataFrame({"x": []})))
    with pytest.raises(TableError, match="column 1 has no name"):
        read_table(write_parquet(tmp_path, pd.DataFrame({" ": [1.0]})))


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ('"a;x;y;z",b,y', ["a;x;y;z", "b", "y"]),
        ("a|b|y", ["a", "b", "y"]),
        ('"a,b,c";b;y', ["a,b,c", "b", "y"]),
    ],
)
def test_what_parts_the_cells_is_outside_quotes(tmp_path, header, names):
    path = tmp_path / "t.csv"
    separator = header[-2]
    path.write_text(f"{header}\n{separator.join('123')}\n")
    frame = read_table(path)
    assert list(frame.columns) == names
    assert frame.iloc[0].tolist() == ["1", "2", "3"]
