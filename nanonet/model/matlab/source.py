"""MATLAB source as functions of statements; nothing of it is ever run."""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class MatlabError(ValueError):
    """The file is not a network as genFunction writes it, or not one of nanonet's."""


class Statement(NamedTuple):
    """One statement, without comments; outside of brackets without spaces too."""

    line: int
    text: str


class Function(NamedTuple):
    """One function of a file."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    body: tuple[Statement, ...]


_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eEdD][-+]?\d+)?", re.ASCII)
_HEADER = re.compile(
    r"function(?:\[?(?P<outputs>[\w,~]*)\]?=)?(?P<name>\w+)(?:\((?P<inputs>[\w,~]*)\))?",
    re.ASCII,
)
_OPENING, _CLOSING = "[({", "])}"


def functions(text: str) -> list[Function]:
    r"""The functions of a file, in order.

    Raises:
      MatlabError: brackets that do not match, a comment of several lines, or a file
        that begins with something else than a function.

    >>> [main] = functions("function y = f(x)\na = [1 2 ... and\n 3]; % so\ny = a;")
    >>> main.name, [statement.text for statement in main.body]
    ('f', ['a=[1 2   3]', 'y=a'])
    """
    found: list[tuple[re.Match, list[Statement]]] = []
    for statement in _statements(text):
        header = _HEADER.fullmatch(statement.text)
        if header and statement.text.startswith("function"):
            found.append((header, []))
        elif found:
            found[-1][1].append(statement)
        else:
            raise MatlabError(
                f"line {statement.line}: {short(statement.text)} stands before any "
                "function; genFunction writes a function."
            )
    return [
        Function(
            header["name"],
            _names(header["inputs"]),
            _names(header["outputs"]),
            tuple(body),
        )
        for header, body in found
    ]


def short(text: str) -> str:
    """The text in quotes, and not all of it if it is long."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def _names(listed: str | None) -> tuple[str, ...]:
    return tuple(listed.split(",")) if listed else ()


def _statements(text: str) -> Iterator[Statement]:
    """Parted at ; , and the ends of lines, where these are not within brackets."""
    depth, begin, kept = 0, 1, []
    for number, line in enumerate(_lines(text), 1):
        if not kept:
            begin = number
        at = 0
        for match in re.finditer(r"[][(){};,]", line):
            c = match[0]
            if c in _OPENING:
                depth += 1
            elif c in _CLOSING:
                depth -= 1
                if depth < 0:
                    raise MatlabError(f"line {number}: {c} closes nothing.")
            elif depth == 0:
                yield from _statement(begin, [*kept, line[at : match.start()]])
                kept, at, begin = [], match.end(), number
        rest = line[at:]
        continued = rest.rstrip().endswith("...")
        if depth or continued:
            kept += [rest.rstrip()[:-3] + " " if continued else rest + ";"]
        else:
            yield from _statement(begin, [*kept, rest])
            kept = []
    if depth or kept:
        raise MatlabError(
            f"line {begin}: what begins here does not end; is the file cut?"
        )


def _lines(text: str) -> Iterator[str]:
    """Each line without its comment; ``...`` ends a line that goes on."""
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        if line.strip() in ("%{", "%}"):
            raise MatlabError(f"line {number}: a comment of several lines is not read.")
        code = line.partition("%")[0]
        before, dots, _ = code.partition("...")
        yield before + dots


def _statement(line: int, pieces: list[str]) -> Iterator[Statement]:
    text = "".join(pieces).strip()
    if not text:
        return
    before, bracket, matrix = text.partition("[")
    if text.startswith("function"):
        keyword, _, rest = text.partition(" ")
        text = keyword + re.sub(r"\s", "", rest)
    elif bracket and re.fullmatch(r"[\w.]+\s*=\s*", before):
        text = re.sub(r"\s", "", before) + bracket + matrix
    else:
        text = re.sub(r"\s", "", text)
    yield Statement(line, text)


def read_matrix(statement: Statement, text: str) -> Float[np.ndarray, "rows columns"]:
    """A number, or a matrix in brackets, of finite numbers.

    Raises:
      MatlabError: the text is something else.

    >>> read_matrix(Statement(1, ""), "[1 -2;3,4e1]")
    array([[ 1., -2.],
           [ 3., 40.]])
    """
    inside = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    rows = [row.replace(",", " ").split() for row in inside.split(";")]
    rows = [[_number(statement, cell) for cell in row] for row in rows if row]
    if not rows or len({len(row) for row in rows}) != 1:
        raise MatlabError(
            f"line {statement.line}: {short(statement.text)} is no matrix: its rows "
            f"have {', '.join(str(len(row)) for row in rows[:5]) or 'no'} numbers."
        )
    return np.array(rows)


def _number(statement: Statement, cell: str) -> float:
    if _NUMBER.fullmatch(cell):
        value = float(re.sub("[dD]", "e", cell))
        if math.isfinite(value):
            return value
    raise MatlabError(f"line {statement.line}: {short(cell)} is not a finite number.")
