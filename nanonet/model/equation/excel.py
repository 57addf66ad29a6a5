"""An equation as one formula of Excel."""

import re
from collections.abc import Iterator, Mapping, Sequence

from nanonet.model.equation.language import BREAK, Language, Named
from nanonet.model.equation.steps import Choice, Linear, Symbol

#: What Excel allows: characters of a formula, and of a text in one.
LONGEST_FORMULA, LONGEST_TEXT = 8192, 255
#: How deep functions may stand within functions.
DEEPEST = 64


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
            "exp": "EXP({0})",
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

    def missing(self, column: str) -> str:
        # Not ISBLANK, to which a formula's "" is something; nor ISNUMBER, to which a
        # number that was typed as a text is missing.
        return f'IF({column}="",1,0)'

    def filled(self, column: str, value: str) -> str:
        return f'IF({column}="",{value},{column})'

    def mean(self, parts: Sequence[str]) -> str:
        return f"({'+'.join(parts)})/{len(parts)}"

    def choice(self, choice: Choice) -> Iterator[tuple[str, str]]:
        column = self.named.inputs[choice.column.index[0]]
        pairs = zip(column.levels or (), choice.values, strict=True)
        *cases, last = ((str(level), value) for level, value in pairs)
        cell, text = self.symbol(choice.column), self.decimal(last[1])
        if not column.rare:
            cases, text = [*cases, last], "NA()"
        for level, value in cases[::-1]:
            text = f"IF(EXACT({cell},{quoted(level)}),{self.decimal(value)},{text})"
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


def quoted(level: str) -> str:
    r"""Quote a text as Excel has it.

    >>> print(quoted('7" pipe'))
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
