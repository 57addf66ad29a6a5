"""CSV and Parquet files, read into tables of text (pandas), and the bundled ones."""

import csv
import difflib
import functools
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nanonet._internal.optional import require

if TYPE_CHECKING:
    import pandas

DELIMITERS = ",;\t|"
SPACES = r"\s+"

#: No more letters of a line are looked at to find what separates cells.
LONGEST_LINE = 100_000

#: What a Parquet file begins with.
PARQUET = b"PAR1"

#: Tables that come with nanonet. iris: R. A. Fisher, "The use of multiple measurements
#: in taxonomic problems", Annals of Eugenics 7 (1936), table I.
BUNDLED = {"iris": Path(__file__).parents[1] / "data" / "iris.csv"}


class TableError(ValueError):
    """What is wrong with a table: the message names the line and the column."""


def read_table(path: str | Path) -> "pandas.DataFrame":
    """Read a CSV file: a header line of column names, then one line for each row.

    Every cell is kept as text, stripped of spaces around it; what is a number is for
    `nanonet.table.columns` to say. The index is the line in the file, where the header
    is line 1 (a cell that itself spans lines counts as one). Blank lines are left out.
    Commas, semicolons, tabs or bars may separate the cells: what parts the header most;
    or spaces, if none of these does, and the line below has as many words as it has.
    Where it is not commas, and all of a column are numbers once a comma is the decimal
    point ("0,5"), it is.

    A Parquet file becomes such a table of text as well, whose rows count from 0.

    Args:
      path: the file, CSV in UTF-8, or Parquet, whatever its name ends in; or "iris",
        where there is no file of that name.

    Raises:
      TableError: no such file, a folder, neither UTF-8 text nor Parquet, no rows, a
        column without a name or with another's, a row longer than the header.
      ModuleNotFoundError: pandas is not installed (extra ``tables``); or pyarrow,
        which reads Parquet (extra ``parquet``).

    >>> read_table("iris").shape
    (150, 5)
    """
    content = _read_bytes(path)
    if content.startswith(PARQUET):
        return _parse_parquet(path, content)
    return _parse_csv(path, _decode(path, content))


def _parse_csv(path: str | Path, text: str) -> "pandas.DataFrame":
    separator = _separator(text)
    pd = require("pandas", extra="tables")
    try:
        cells = pd.read_csv(
            io.StringIO(text),
            sep=separator,
            header=None,  # pandas would rename columns of equal name
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = str(error).rpartition("C error: ")[2].strip()
        raise TableError(f"{path} is not a table in CSV: {reason}.") from error
    cells = cells.fillna("").apply(lambda column: column.str.strip())
    names = _check_names(f"{path}, line 1", list(cells.iloc[0]))
    cells = cells.set_axis(names, axis="columns").set_axis(cells.index + 1)
    cells = cells.rename_axis("line").iloc[1:]
    cells = cells[(cells != "").any(axis="columns")]
    if cells.empty:
        raise TableError(f"{path} has a header, but no rows below it.")
    return cells if separator == "," else cells.apply(_with_points)


def _separator(text: str) -> str:
    """What parts the cells of the header, or the words of both header and first row."""
    header, _, rest = text.partition("\n")
    best = max(DELIMITERS, key=functools.partial(_count_cells, header))
    if _count_cells(header, best) > 1:
        return best
    first = rest.lstrip().partition("\n")[0]
    words, below = (
        _count_cells(" ".join(line.split()), " ") for line in (header, first)
    )
    return SPACES if 1 < words == below else best


def _count_cells(line: str, separator: str) -> int:
    """How many cells of a line there would be; none parts in quotes."""
    return len(next(csv.reader([line[:LONGEST_LINE]], delimiter=separator)))


def _with_points(column: "pandas.Series") -> "pandas.Series":
    """The column with decimal points for commas, if that makes all of it numbers."""
    plain = r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
    decimal = r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?"
    known: Any = column[column != ""]
    commas = known.str.fullmatch(decimal)
    if not commas.any() or not (commas | known.str.fullmatch(plain)).all():
        return column
    return column.str.replace(",", ".", regex=False)


def _parse_parquet(path: str | Path, content: bytes) -> "pandas.DataFrame":
    parquet = require("pyarrow.parquet", extra="parquet")
    arrow_error = require("pyarrow", extra="parquet").ArrowException
    try:
        table = parquet.read_table(io.BytesIO(content))
        table.validate(full=True)  # or text that is not UTF-8 would be found later
        cells = table.to_pandas()
        names = [str(name).strip() for name in cells.columns]
        texts = cells.astype(str).apply(lambda column: column.str.strip())
    except (arrow_error, OSError, ValueError, TypeError, LookupError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise TableError(f"{path} is not sound Parquet: {reason}.") from error
    names = _check_names(str(path), names)
    if cells.empty:
        raise TableError(f"{path} has no rows.")
    texts = texts.where(cells.notna(), "").set_axis(names, axis="columns")
    return texts.reset_index(drop=True).rename_axis("row")


def _read_bytes(path: str | Path) -> bytes:
    path = _find(Path(path))
    try:
        return path.read_bytes()
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror}.") from error


def _decode(path: str | Path, content: bytes) -> str:
    if b"\0" in content:
        raise TableError(f"{path} is a binary file, not a table in CSV or Parquet.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TableError(
            f"{path}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8; "
            "save the table as CSV in UTF-8."
        ) from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise TableError(f"{path} is empty.")
    if text.startswith("\n"):
        raise TableError(f"{path}, line 1: is blank; it must name the columns.")
    return text


def _find(path: Path) -> Path:
    if path.is_dir():
        raise TableError(f"{path} is a folder, not a table.")
    if path.exists():
        return path
    if str(path) in BUNDLED:
        return BUNDLED[str(path)]
    folder = path.parent
    names = os.listdir(folder) if folder.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=1)
    hint = f"; did you mean {folder / near[0]}?" if near else "."
    raise TableError(f"{path} does not exist{hint}")


def _check_names(where: str, names: list[str]) -> list[str]:
    for i, name in enumerate(names):
        if not name:
            raise TableError(
                f"{where}: column {i + 1} has no name; name it, or delete it if "
                "it only numbers the rows."
            )
        first = names.index(name)
        if first < i:
            raise TableError(
                f"{where}: columns {first + 1} and {i + 1} are both named "
                f"{name!r}; rename one."
            )
    return names
