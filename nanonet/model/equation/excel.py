"""An equation as one formula of Excel, and as a workbook with a cell for every unit."""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

from nanonet.model.equation.language import BREAK, Language, Named, numbered
from nanonet.model.equation.steps import Choice, Linear, Symbol

#: What Excel allows: characters of a formula, and of a text in one; columns of a sheet.
LONGEST_FORMULA, LONGEST_TEXT, COLUMNS = 8192, 255, 16384
#: How deep functions may stand within functions.
DEEPEST = 64


class Formula(str):
    """What a cell computes, beginning with =; any other text is a text."""


class Excel(Language):
    """Formulas in English, as files hold them; their cells are given by a mapping.

    A symbol that has no cell is replaced by its own formula.
    """

    times = "*"
    around = ""

    def __init__(self, named: Named, cells: Mapping[Symbol, str]) -> None:
        super().__init__(named)
        self.cells = cells
        self.formulas = dict(named.steps)
        self.known: dict[Symbol, str] = {}

    def formula(self, symbol: Symbol) -> str:
        """What a symbol's cell holds.

        Raises:
          ValueError: it is longer than Excel allows.
        """
        text = "=" + self.express(self.formulas[symbol]).replace(BREAK, "")
        if len(text) > LONGEST_FORMULA:
            raise ValueError(
                f"the formula has {len(text):,} characters, and Excel allows "
                f"{LONGEST_FORMULA:,}. workbook() gives every unit a cell of its own; "
                "one start in place of a committee (found.best), fewer units, or a "
                "larger tolerance make it shorter."
            )
        if (depth := _depth(text)) > DEEPEST:
            raise ValueError(
                f"functions of the formula stand {depth} deep in one another, and "
                f"Excel allows {DEEPEST}: each category of a column is one, and each "
                "layer."
            )
        return text

    def number(self, value: float) -> str:
        """Excel reads 15 digits of a number, whatever is written."""
        return f"{value:.15G}"

    def symbol(self, symbol: Symbol) -> str:
        if symbol in self.cells:
            return self.cells[symbol]
        if symbol not in self.known:
            text = self.express(self.formulas[symbol])
            linear = isinstance(self.formulas[symbol], Linear)
            self.known[symbol] = f"({text})" if linear else text
            if len(self.known[symbol]) > 1_000_000:  # it is told of as it is
                raise ValueError(
                    "the formula has more than a million characters, and Excel allows "
                    f"{LONGEST_FORMULA:,}; use workbook()."
                )
        return self.known[symbol]

    def call(self, f: str, z: str) -> str:
        return {
            "tanh": "TANH({0})",
            "sigmoid": "(0.5+0.5*TANH(0.5*({0})))",  # EXP(800) would be an error
            "relu": "MAX(0,{0})",
            "softplus": "(MAX(0,{0})+LN(1+EXP(-ABS({0}))))",
        }[f].format(z)

    def share(self, place: int, z: Sequence[str | None]) -> str:
        own = f"-{z[place]}" if z[place] else ""
        others = (each or "" for i, each in enumerate(z) if i != place)
        # EXP(800) would be an error; after e^700 the share is 0.
        terms = "".join(f"+EXP(MIN(700,{each}{own}))" for each in others)
        return f"1/(1{terms})"

    def mean(self, parts: Sequence[str]) -> str:
        return f"({'+'.join(parts)})/{len(parts)}"

    def choice(self, choice: Choice) -> Iterator[tuple[str, str]]:
        column = self.named.inputs[choice.column.index[0]]
        levels = [str(level) for level in column.levels or ()]
        cell, text = self.symbol(choice.column), "NA()"
        for value, level in zip(choice.values[::-1], levels[::-1], strict=True):
            text = f"IF(EXACT({cell},{_text(level)}),{self.decimal(value)},{text})"
        yield "+", text


def _depth(formula: str) -> int:
    """How deep functions stand in one another.

    >>> _depth('=MAX(0,(1+(2)))+IF(EXACT(A2,"IF(("),1,NA())')
    2
    """
    depth, deepest, opened = 0, 0, []
    for token in re.findall(r'"(?:[^"]|"")*"|[A-Z]*\(|\)', formula):
        if token[0] == '"':
            continue
        if token == ")":
            depth -= opened.pop()
        else:
            opened.append(token != "(")
            depth += opened[-1]
            deepest = max(deepest, depth)
    return deepest


def _text(level: str) -> str:
    r"""Quote a text as Excel has it.

    >>> print(_text('7" pipe'))
    "7"" pipe"
    """
    if len(level) > LONGEST_TEXT:
        raise ValueError(
            f"a category has a name of {len(level):,} characters; a formula of Excel "
            f"allows {LONGEST_TEXT}."
        )
    return '"{}"'.format(level.replace('"', '""'))


def column_letters(index: int) -> str:
    """The name of a column, counted from 0.

    >>> [column_letters(i) for i in (0, 25, 26, 701, 702)]
    ['A', 'Z', 'AA', 'ZZ', 'AAA']
    """
    letters = ""
    while index >= 0:
        letters = chr(ord("A") + index % 26) + letters
        index = index // 26 - 1
    return letters


def sheet(named: Named) -> list[tuple[str, str | float]]:
    """Heading and content of each column: inputs, then units, then answers.

    The inputs are at their means, or at their first category; of classes, the last
    column is the likeliest.
    """
    symbols = [Symbol("x", (i,)) for i in range(len(named.inputs))]
    symbols += [symbol for symbol, _ in named.steps]
    if len(symbols) >= COLUMNS:
        raise ValueError(f"Excel has {COLUMNS:,} columns; {len(symbols):,} are needed.")
    cells = {symbol: f"{column_letters(i)}2" for i, symbol in enumerate(symbols)}
    excel = Excel(named, cells)
    columns: list[tuple[str, str | float]] = [
        (column.name, float(column.mean) if column.levels is None else str(level))
        for column in named.inputs
        for level in (column.levels or ("",))[:1]
    ]
    for symbol, _ in named.steps:
        columns.append((_heading(named, symbol), Formula(excel.formula(symbol))))
    if named.classes:
        answers = [cells[Symbol("y", (k,))] for k in range(len(named.outputs))]
        largest, text = f"MAX({','.join(answers)})", "NA()"
        for cell, label in zip(answers[::-1], named.outputs[::-1], strict=True):
            text = f"IF({cell}={largest},{_text(label)},{text})"
        if len(answers) < DEEPEST:
            columns.append(("likeliest", Formula(f"={text}")))
    return columns


def _heading(named: Named, symbol: Symbol) -> str:
    if symbol.kind != "y":
        return numbered(symbol)
    name = named.outputs[symbol.index[0]]
    return f"P({name})" if named.classes else name


_PARTS = {
    "[Content_Types].xml": """\
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">\
<Default Extension="rels" \
ContentType="application/vnd.openxmlformats-package.relationships+xml"/>\
<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-\
officedocument.spreadsheetml.sheet.main+xml"/>\
<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.\
openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>""",
    "_rels/.rels": """\
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">\
<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/\
relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>""",
    "xl/_rels/workbook.xml.rels": """\
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">\
<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/\
relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>""",
    "xl/workbook.xml": """\
<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" \
xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">\
<sheets><sheet name="nanonet" sheetId="1" r:id="rId1"/></sheets>\
<calcPr calcId="191029" fullCalcOnLoad="1"/></workbook>""",
}


def workbook(columns: Sequence[tuple[str, str | float]]) -> bytes:
    """An .xlsx file of two rows: headings, and numbers, texts, or formulas."""
    rows = [
        "".join(_cell(i, row, content) for i, content in enumerate(contents))
        for row, contents in enumerate(zip(*columns, strict=True), 1)
    ]
    data = "".join(f'<row r="{i}">{row}</row>' for i, row in enumerate(rows, 1))
    of_sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f"<sheetData>{data}</sheetData></worksheet>"
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in {**_PARTS, "xl/worksheets/sheet1.xml": of_sheet}.items():
            # Without a date, so that the same model is the same file.
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            content = f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>{part}'
            archive.writestr(info, content.encode("utf8"))
    return file.getvalue()


def _cell(i: int, row: int, content: str | float) -> str:
    place = f"{column_letters(i)}{row}"
    if not isinstance(content, str):
        return f'<c r="{place}"><v>{content!r}</v></c>'
    if isinstance(content, Formula):
        return f'<c r="{place}"><f>{_xml(content[1:])}</f></c>'
    return (
        f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{_xml(content)}</t>'
        "</is></c>"
    )


def _xml(text: str) -> str:
    """The text, without the characters that no XML may hold."""
    return escape(
        re.sub(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
    )
