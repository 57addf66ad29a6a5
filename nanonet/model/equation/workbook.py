"""An equation as a workbook of Excel, with a cell for every unit."""

import io
import re
import zipfile
from collections.abc import Sequence
from xml.sax.saxutils import escape

from nanonet.model.equation.excel import DEEPEST, Excel, column_letters, quoted
from nanonet.model.equation.language import Named, numbered
from nanonet.model.equation.steps import Symbol

#: How many columns a sheet may have.
COLUMNS = 16384


class Formula(str):
    """What a cell computes, beginning with =; any other text is a text."""


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
            text = f"IF({cell}={largest},{quoted(label)},{text})"
        if len(answers) < DEEPEST:
            columns.append(("likeliest", Formula(f"={text}")))
    return columns


def _heading(named: Named, symbol: Symbol) -> str:
    if symbol.kind in "fg":
        column = named.inputs[symbol.index[0]]
        filled, missing = f"{column.name} (filled in)", column.labels()[1]
        return filled if symbol.kind == "f" else missing
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
