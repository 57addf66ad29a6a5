"""What an equation as code calls: functions of Python, and of JavaScript."""

import builtins
import keyword
from collections.abc import Mapping

#: Those that call others stand after them.
PYTHON_HELPERS = {
    "is_missing": '''
def is_missing(cell):
    """Whether it is None, NaN, or blank."""
    return cell is None or cell != cell or not str(cell).strip()
''',
    "text": '''
def text(cell):
    """A category's name, empty where it is missing."""
    return "" if is_missing(cell) else str(cell)
''',
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
    "isMissing": """
// Whether a cell is null, undefined, NaN, or blank.
function isMissing(cell) {
  return cell == null || Number.isNaN(cell) || String(cell).trim() === "";
}
""",
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
// The number of a category; one that is not listed has the number of others, if any.
function choose(category, numbers, others) {
  const text = isMissing(category) ? "" : String(category);
  const found = numbers.find(([level]) => level === text);
  if (found) return found[1];
  if (others !== undefined) return others;
  throw new Error(`${category} is no category that is known`);
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
    {*JAVASCRIPT_HELPERS, "predict", "Math", "Number", "String", "Error", "NaN"}
    | {"Infinity", *JAVASCRIPT_WORDS.split()}
)


def needed(helpers: Mapping[str, str], source: str) -> list[str]:
    """The helpers that the source calls, and those that they call."""
    found: list[str] = []
    for name, helper in reversed(list(helpers.items())):
        if f"{name}(" in "".join([source, *found]):
            found.insert(0, helper)
    return found
