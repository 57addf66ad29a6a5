"""An equation as a function in Python, and in JavaScript."""

import json
from collections.abc import Iterator, Sequence

from nanonet.model.equation.helpers import (
    JAVASCRIPT_HELPERS,
    JAVASCRIPT_NAMES,
    PYTHON_HELPERS,
    PYTHON_NAMES,
    needed,
)
from nanonet.model.equation.language import (
    Language,
    Named,
    identifiers,
    layout,
    numbered,
)
from nanonet.model.equation.steps import Call, Choice, Symbol


class Code(Language):
    """What Python and JavaScript have alike."""

    taken: frozenset[str]
    nothing: str
    """What a missing cell is."""

    def __init__(self, named: Named) -> None:
        super().__init__(named)
        columns = {"x": "", "f": " filled", "g": " missing"}
        of = [(k, i) for k in columns for i in range(len(named.inputs))]
        texts = [named.inputs[i].name + columns[kind] for kind, i in of]
        self.names = dict(zip(of, identifiers(texts, self.taken), strict=True))

    @property
    def arguments(self) -> list[str]:
        """A name for each input."""
        return [self.names["x", i] for i in range(len(self.named.inputs))]

    def symbol(self, symbol: Symbol) -> str:
        if symbol.kind in "xfg":
            return self.names[symbol.kind, symbol.index[0]]
        return numbered(symbol)

    def pairs(self, choice: Choice) -> tuple[list[tuple[str, str]], str | None]:
        """The number of each level, and that of all others, if there is one."""
        column = self.named.inputs[choice.column.index[0]]
        numbers = map(self.decimal, choice.values)
        listed = list(zip(map(str, column.levels or ()), numbers, strict=True))
        return (listed[:-1], listed[-1][1]) if column.rare else (listed, None)

    def share(self, place: int, z: Sequence[str | None]) -> str:
        return f"share({place}, {', '.join(each or '0' for each in z)})"

    def about(self) -> Iterator[str]:
        """What goes in and what comes out, line by line; each text is quoted."""
        yield "Arguments:"
        for argument, column in zip(self.arguments, self.named.inputs, strict=True):
            levels = [ascii(str(level)) for level in column.levels or () if level != ""]
            others = f", any other is {levels.pop()}" if column.rare else ""
            of = f": {', '.join(levels)}{others}" if levels else ""
            of += f"; {self.nothing} where it is missing" * column.takes_missing
            name = "" if argument == column.name else f"  {column.name!a}"
            yield f"  {argument}{name}{of}"
        outputs = ", ".join(ascii(name) for name in self.named.outputs)
        if self.named.classes:
            yield f"Returns the probability of each class: {outputs}."
        else:
            yield f"Returns {outputs}."

    def answers(self) -> list[tuple[str, str]]:
        """Each output's label and name."""
        return [
            (label, numbered(Symbol("y", (k,))))
            for k, label in enumerate(self.named.outputs)
        ]


class Python(Code):
    """A function of floats and texts; needs the standard library alone."""

    taken = PYTHON_NAMES
    nothing = "None or NaN"

    def missing(self, column: str) -> str:
        return f"is_missing({column})"

    def filled(self, column: str, value: str) -> str:
        return f"{value} if is_missing({column}) else {column}"

    def choice(self, choice: Choice) -> Iterator[tuple[str, str]]:
        pairs, others = self.pairs(choice)
        table = ", ".join(f"{level!a}: {value}" for level, value in pairs)
        f = "text" if any(level == "" for level, _ in pairs) else "str"
        key = f"{f}({self.symbol(choice.column)})"
        yield "+", f"{{{table}}}" + (f".get({key}, {others})" if others else f"[{key}]")

    def __str__(self) -> str:
        """The module."""
        lines = [
            self._statement(self.symbol(name), self.express(is_), isinstance(is_, Call))
            for name, is_ in self.named.steps
        ]
        source = "\n".join(lines)
        helpers = needed(PYTHON_HELPERS, source)
        everything = "".join([*helpers, source])
        imported = [f for f in ("exp", "log1p", "tanh") if f"{f}(" in everything]
        (_, first), *others = answers = self.answers()
        pairs = ", ".join(f"{label!a}: {name}" for label, name in answers)
        about = "\n".join(f"    # {line}" for line in self.about())
        return "\n".join(
            [
                *([f"from math import {', '.join(imported)}\n"] if imported else []),
                *(f"{helper}" for helper in helpers),
                f"\ndef predict({', '.join(self.arguments)}):",
                about,
                source,
                f"    return {{{pairs}}}" if others else f"    return {first}",
                "",
            ]
        ).lstrip("\n")

    @staticmethod
    def _statement(name: str, value: str, in_parentheses: bool) -> str:
        line = layout(f"    {name} = {value}", indent=" " * 8)
        if in_parentheses or "\n" not in line:
            return line
        return layout(f"    {name} = (\n        {value}", indent=" " * 8) + "\n    )"


class Javascript(Code):
    """A function of numbers and strings."""

    taken = JAVASCRIPT_NAMES
    nothing = "null or NaN"

    def call(self, f: str, z: str) -> str:
        return f"{'Math.' if f in ('exp', 'tanh') else ''}{f}({z})"

    def missing(self, column: str) -> str:
        return f"isMissing({column}) ? 1 : 0"

    def filled(self, column: str, value: str) -> str:
        return f"isMissing({column}) ? {value} : {column}"

    def choice(self, choice: Choice) -> Iterator[tuple[str, str]]:
        pairs, others = self.pairs(choice)
        table = ", ".join(f"[{json.dumps(level)}, {value}]" for level, value in pairs)
        given = [
            self.symbol(choice.column),
            f"[{table}]",
            *([others] if others else []),
        ]
        yield "+", f"choose({', '.join(given)})"

    def __str__(self) -> str:
        """The script."""
        lines = [
            layout(f"  const {self.symbol(name)} = {self.express(is_)};", indent="    ")
            for name, is_ in self.named.steps
        ]
        source = "\n".join(lines)
        helpers = needed(JAVASCRIPT_HELPERS, source)
        (_, first), *others = answers = self.answers()
        # In brackets, because "__proto__" alone would be no key.
        keys = (
            f"[{key}]" if "__" in key else key
            for key in map(json.dumps, self.named.outputs)
        )
        pairs = ", ".join(
            f"{key}: {name}" for key, (_, name) in zip(keys, answers, strict=True)
        )
        about = "\n".join(f"// {line}" for line in self.about())
        returned = f"{{ {pairs} }}" if others else first
        return "\n".join(
            [
                *(helper.lstrip("\n") for helper in helpers),
                about,
                f"function predict({', '.join(self.arguments)}) {{",
                source,
                f"  return {returned};\n}}\n",
            ]
        )
