"""An equation as a function in Python, and in JavaScript."""

import builtins
import json
import keyword
from collections.abc import Iterator, Sequence

from nanonet.model.equation.language import (
    Language,
    Named,
    identifiers,
    layout,
    numbered,
)
from nanonet.model.equation.steps import Call, Choice, Symbol

PYTHON_HELPERS = {
    "sigmoid": '''
def sigmoid(z):
    """1 / (1 + e^(-z))."""
    return 0.5 + 0.5 * tanh(0.5 * z)
''',
    "relu": '''
def relu(z):
    """The larger of z and 0."""
    return 0.0 if z < 0 else z
''',
    "softplus": '''
def softplus(z):
    """ln(1 + e^z)."""
    return max(z, 0.0) + log1p(exp(-abs(z)))
''',
    "share": '''
def share(k, *z):
    """Softmax: e^z[k] / sum of e^z."""
    e = [exp(each - max(z)) for each in z]
    return e[k] / sum(e)
''',
}

JAVASCRIPT_HELPERS = {
    "sigmoid": """
function sigmoid(z) {
  return 1 / (1 + Math.exp(-z));
}
""",
    "relu": """
function relu(z) {
  return z < 0 ? 0 : z;
}
""",
    "softplus": """
function softplus(z) {
  return Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
}
""",
    "share": """
// Softmax: e^z[k] / sum of e^z.
function share(k, ...z) {
  const largest = Math.max(...z);
  const e = z.map((each) => Math.exp(each - largest));
  return e[k] / e.reduce((a, b) => a + b);
}
""",
    "choose": """
// The number of a category.
function choose(category, numbers) {
  const found = numbers.find(([level]) => level === String(category));
  if (!found) throw new Error(`${category} is no category that is known`);
  return found[1];
}
""",
}

JAVASCRIPT_WORDS = """
arguments async await break case catch class const continue debugger default delete do
else enum eval export extends false finally for function get if implements import in
instanceof interface let new null of package private protected public return set static
super switch this throw true try typeof undefined var void while with yield
"""

#: Names that no argument may have.
PYTHON_NAMES = frozenset(
    {*keyword.kwlist, *keyword.softkwlist, *dir(builtins), *PYTHON_HELPERS}
    | {"predict", "exp", "log1p", "tanh"}
)
JAVASCRIPT_NAMES = frozenset(
    {*JAVASCRIPT_HELPERS, "predict", "Math", "String", "Error", "NaN", "Infinity"}
    | {*JAVASCRIPT_WORDS.split()}
)


class Code(Language):
    """What Python and JavaScript have alike."""

    taken: frozenset[str]

    def __init__(self, named: Named) -> None:
        super().__init__(named)
        names = [column.name for column in named.inputs]
        self.arguments = identifiers(names, self.taken)

    def symbol(self, symbol: Symbol) -> str:
        if symbol.kind == "x":
            return self.arguments[symbol.index[0]]
        return numbered(symbol)

    def share(self, place: int, z: Sequence[str | None]) -> str:
        return f"share({place}, {', '.join(each or '0' for each in z)})"

    def about(self) -> Iterator[str]:
        """What goes in and what comes out, line by line; each text is quoted."""
        yield "Arguments:"
        for argument, column in zip(self.arguments, self.named.inputs, strict=True):
            levels = ", ".join(ascii(str(level)) for level in column.levels or ())
            of = f": {levels}" if levels else ""
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

    def choice(self, choice: Choice) -> Iterator[tuple[str, str]]:
        column = self.named.inputs[choice.column.index[0]]
        pairs = zip(map(str, column.levels or ()), choice.values, strict=True)
        table = ", ".join(f"{level!a}: {self.decimal(value)}" for level, value in pairs)
        yield "+", f"{{{table}}}[str({self.symbol(choice.column)})]"

    def __str__(self) -> str:
        """The module."""
        lines = [
            self._statement(self.symbol(name), self.express(is_), isinstance(is_, Call))
            for name, is_ in self.named.steps
        ]
        source = "\n".join(lines)
        helpers = [text for f, text in PYTHON_HELPERS.items() if f"{f}(" in source]
        needed = [f for f in ("exp", "log1p", "tanh") if f"{f}(" in "".join(helpers)]
        needed += ["tanh"] * ("tanh(" in source and "tanh" not in needed)
        (_, first), *others = answers = self.answers()
        pairs = ", ".join(f"{label!a}: {name}" for label, name in answers)
        about = "\n".join(f"    # {line}" for line in self.about())
        return "\n".join(
            [
                *([f"from math import {', '.join(needed)}\n"] if needed else []),
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

    def call(self, f: str, z: str) -> str:
        return f"{'Math.' if f == 'tanh' else ''}{f}({z})"

    def choice(self, choice: Choice) -> Iterator[tuple[str, str]]:
        column = self.named.inputs[choice.column.index[0]]
        pairs = zip(map(str, column.levels or ()), choice.values, strict=True)
        table = ", ".join(
            f"[{json.dumps(level)}, {self.decimal(value)}]" for level, value in pairs
        )
        yield "+", f"choose({self.symbol(choice.column)}, [{table}])"

    def __str__(self) -> str:
        """The script."""
        lines = [
            layout(f"  const {self.symbol(name)} = {self.express(is_)};", indent="    ")
            for name, is_ in self.named.steps
        ]
        source = "\n".join(lines)
        helpers = [text for f, text in JAVASCRIPT_HELPERS.items() if f"{f}(" in source]
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
