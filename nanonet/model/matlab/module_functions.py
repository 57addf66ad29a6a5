"""The functions that genFunction writes below a network, known by their bodies."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from nanonet.model.matlab.source import Function, MatlabError, Statement, short


class Known(NamedTuple):
    """A function of a network that nanonet can compute too."""

    title: str
    header: str
    body: str

    def __str__(self) -> str:
        """As it is written."""
        return f"% {self.title}\nfunction {self.header}\n{self.body}\nend\n"


#: What processes inputs and outputs, and what a unit does to its sum. The bodies are
#: what every version of genFunction computes, in the same order of operations.
KNOWN = {
    "mapminmax_apply": Known(
        "Map Minimum and Maximum Input Processing Function",
        "y = mapminmax_apply(x,settings)",
        "y = bsxfun(@minus,x,settings.xoffset);\n"
        "y = bsxfun(@times,y,settings.gain);\n"
        "y = bsxfun(@plus,y,settings.ymin);",
    ),
    "mapminmax_reverse": Known(
        "Map Minimum and Maximum Output Reverse-Processing Function",
        "x = mapminmax_reverse(y,settings)",
        "x = bsxfun(@minus,y,settings.ymin);\n"
        "x = bsxfun(@rdivide,x,settings.gain);\n"
        "x = bsxfun(@plus,x,settings.xoffset);",
    ),
    "mapstd_apply": Known(
        "Map Mean and Standard Deviation Input Processing Function",
        "y = mapstd_apply(x,settings)",
        "y = bsxfun(@minus,x,settings.xoffset);\n"
        "y = bsxfun(@times,y,settings.gain);\n"
        "y = bsxfun(@plus,y,settings.ymean);",
    ),
    "mapstd_reverse": Known(
        "Map Mean and Standard Deviation Output Reverse-Processing Function",
        "x = mapstd_reverse(y,settings)",
        "x = bsxfun(@minus,y,settings.ymean);\n"
        "x = bsxfun(@rdivide,x,settings.gain);\n"
        "x = bsxfun(@plus,x,settings.xoffset);",
    ),
    "removeconstantrows_apply": Known(
        "Remove Constants Input Processing Function",
        "y = removeconstantrows_apply(x,settings)",
        "y = x(settings.keep,:);",
    ),
    "removeconstantrows_reverse": Known(
        "Remove Constants Output Reverse-Processing Function",
        "x = removeconstantrows_reverse(y,settings)",
        "Q = size(y,2);\n"
        "x = nan(settings.xrows,Q,'like',y);\n"
        "x(settings.keep,:) = y;\n"
        "x(settings.remove,:) = repmat(settings.constants,1,Q);",
    ),
    "missingcells_apply": Known(
        "Missing Cells Input Processing Function, of nanonet",
        "y = missingcells_apply(x,settings)",
        "y = x(settings.rows,:);\n"
        "missing = isnan(y(settings.indicators,:));\n"
        "means = repmat(settings.means,1,size(x,2));\n"
        "filled = y(settings.indicators-1,:);\n"
        "filled(missing) = means(missing);\n"
        "y(settings.indicators-1,:) = filled;\n"
        "y(settings.indicators,:) = missing;",
    ),
    "tansig_apply": Known(
        "Sigmoid Symmetric Transfer Function",
        "a = tansig_apply(n,~)",
        "a = 2 ./ (1 + exp(-2*n)) - 1;",
    ),
    "logsig_apply": Known(
        "Sigmoid Positive Transfer Function",
        "a = logsig_apply(n,~)",
        "a = 1 ./ (1 + exp(-n));",
    ),
    "poslin_apply": Known(
        "Linear Positive Transfer Function",
        "a = poslin_apply(n,~)",
        "a = max(0,n);\na(isnan(n)) = nan;",
    ),
    "softmax_apply": Known(
        "Competitive Soft Transfer Function",
        "a = softmax_apply(n,~)",
        "nmax = max(n,[],1);\n"
        "n = bsxfun(@minus,n,nmax);\n"
        "numerator = exp(n);\n"
        "denominator = sum(numerator,1);\n"
        "denominator(denominator == 0) = 1;\n"
        "a = bsxfun(@rdivide,numerator,denominator);",
    ),
    "softplus_apply": Known(
        "Softplus Transfer Function",
        "a = softplus_apply(n,~)",
        "a = max(0,n) + log1p(exp(-abs(n)));",
    ),
}

#: Transfer functions by nanonet's names.
ACTIVATIONS = {
    "tansig": "tanh",
    "logsig": "sigmoid",
    "poslin": "relu",
    "softmax": "softmax",
    "softplus": "softplus",
    "purelin": "identity",
}

#: Of newer versions, which part what a GPU computes from what a CPU does.
_ON_CPU = "ifisa(n,'gpuArray');a=iSoftmaxApplyGPU(n);else;a=iSoftmaxApplyCPU(n);end"


def check_known(
    name: str, functions: dict[str, Function], caller: Statement
) -> Function:
    """The function of that name, which must be what genFunction writes.

    Raises:
      MatlabError: it is not in the file, not known, or was changed.
    """
    where = f"line {caller.line}: {short(caller.text)}"
    if name not in KNOWN:
        kind = name.rpartition("_")[0] or name
        known = ", ".join(sorted(ACTIVATIONS))
        raise MatlabError(
            f"{where} calls {kind}, which nanonet does not have; it has {known}, and "
            "the processing by mapminmax, mapstd and removeconstantrows."
        )
    if name not in functions:
        raise MatlabError(f"{where} calls {name}, which the file does not define.")
    function = functions[name]
    if _body(function) == _ON_CPU and "iSoftmaxApplyCPU" in functions:
        _check_body(functions["iSoftmaxApplyCPU"], KNOWN["softmax_apply"])
    else:
        _check_body(function, KNOWN[name])
    return function


def _check_body(function: Function, known: Known) -> None:
    written = _joined(known.body.split("\n"))
    result, _, arguments = re.sub(r"\s", "", known.header).partition("=")
    first = arguments.partition("(")[2].split(",")[0]
    same = (
        _body(function) == written,
        function.outputs == (result,),
        function.inputs[:1] == (first,),
    )
    if not all(same):
        line = function.body[0].line if function.body else 0
        raise MatlabError(
            f"line {line}: {function.name} is not what genFunction writes; the network "
            "would answer otherwise."
        )


def _body(function: Function) -> str:
    """The statements in one line, as all versions have them."""
    texts = [statement.text for statement in function.body]
    opened = sum(text.startswith(("if", "for")) for text in texts)
    while texts and texts[-1] == "end" and texts.count("end") > opened:
        texts.pop()
    joined = _joined(texts).replace("settings_", "settings.")
    return re.sub(
        r"\bnumer\b", "numerator", re.sub(r"\bdenom\b", "denominator", joined)
    )


def _joined(statements: Iterable[str]) -> str:
    return ";".join(
        re.sub(r"\s", "", statement).rstrip(";") for statement in statements
    )
