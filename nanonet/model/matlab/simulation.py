"""What a network's function computes, statement by statement, followed but not run."""

import re

from nanonet.model.matlab.module_functions import ACTIVATIONS, check_known
from nanonet.model.matlab.parts import MatlabLayer, Matrix, Process, Simulation
from nanonet.model.matlab.source import (
    Function,
    MatlabError,
    Statement,
    read_matrix,
    short,
)

#: Statements that arrange samples and cells, and compute nothing.
_ARRANGING = re.compile(
    r"""isCellX=iscell\(X\) | if~isCellX | X=\{X\} | if~isempty\(X\) | else | end
      | TS=size\(X,2\) | Q=size\((?:X\{1\}|x1),[12]\) | Q=0
      | Y=cell\(1,TS\) | forts=1:TS | (x1|y1|X\{1,ts\}|Y\{1,ts\})=\1'
      | Xf=cell\(1,0\) | Af=cell\(\d{1,4},0\) | Y=cell2mat\(Y\)""",
    re.VERBOSE | re.ASCII,
)
_CONSTANT = re.compile(
    r"(b\d+|[IL]W\d+_\d+|[xy]\d+_step\d+[._][a-z]+)=(\[.*\]|[-+.\deEdD]+)",
    re.ASCII | re.DOTALL,
)
_PLACE = r"(?:\w+|[XY]\{1,ts\})"
_PROCESS = re.compile(
    rf"({_PLACE})=(\w+)_(apply|reverse)\(({_PLACE}),([\w,]+)\)", re.ASCII
)
_LAYER = re.compile(
    rf"(a\d+)=(?:(\w+)_apply\()?(?:repmat\((b\d+),1,Q\)|(b\d+))"
    rf"((?:\+[IL]W\d+_\d+\*{_PLACE})+)(\)?)",
    re.ASCII,
)
_ANSWER = re.compile(r"(y1|Y\{1,ts\})=(\w+)", re.ASCII)
_SERIES = re.compile(
    r"tapdelay\d*|[Xx]d\d+|[Aa]d\d+|\bXi\b|\bxi\d|\bAi\b|\bai\d", re.ASCII
)


def follow(functions: list[Function]) -> Simulation:
    """Find out what the first of a file's functions computes.

    Raises:
      MatlabError: it is no feed-forward network of one input and one output, or holds
        a statement that genFunction does not write.
    """
    if not functions:
        raise MatlabError("the file holds no function; genFunction writes one.")
    main, *others = functions
    named = {function.name: function for function in others}
    if len(named) < len(others) or main.name in named:
        raise MatlabError("the file defines a function twice.")
    _check_header(main)
    return _Follower(named).follow(main)


def _check_header(main: Function) -> None:
    inputs = [name for name in main.inputs if name != "~"]
    if any(re.fullmatch(r"Xi|xi\d+|Ai|ai\d+", name) for name in inputs):
        raise MatlabError(
            f"{main.name} takes {', '.join(inputs)}: a network of series with delays; "
            "nanonet reads networks that are fed forward."
        )
    if inputs not in (["x1"], ["X"]):
        several = all(re.fullmatch(r"x\d+", name) for name in inputs) and inputs
        what = "has several inputs" if several else "takes other arguments"
        raise MatlabError(
            f"{main.name} {what} ({', '.join(main.inputs) or 'none'}); nanonet reads "
            "networks of one input, x1 or X, a matrix of any size."
        )
    if main.outputs[:1] not in (("y1",), ("Y",)) or "y2" in main.outputs:
        raise MatlabError(
            f"{main.name} returns {', '.join(main.outputs) or 'nothing'}; nanonet "
            "reads networks of one output, y1 or Y, a matrix of any size."
        )


class _Follower:
    """Knows what each variable is: of the input so far, a layer, or the output."""

    def __init__(self, functions: dict[str, Function]) -> None:
        self.functions = functions
        self.constants: dict[str, Matrix] = {}
        self.inputs: dict[str, tuple[Process, ...]] = {"x1": (), "X{1,ts}": ()}
        self.layers: list[MatlabLayer] = []
        self.read: tuple[Process, ...] = ()
        self.answers: dict[str, tuple[Process, ...]] = {}
        self.arranged: set[str] = set()

    def follow(self, main: Function) -> Simulation:
        for statement in main.body:
            self._take(statement)
        turned = {text[0] for text in self.arranged if text.endswith("'")}
        if len(turned) == 1:
            raise MatlabError(
                f"{main.name} turns {turned.pop()} from rows to columns, and not the "
                "other side; genFunction turns both or neither."
            )
        answer = "y1" if main.outputs[0] == "y1" else "Y{1,ts}"
        if answer not in self.answers:
            raise MatlabError(
                f"{main.name} computes no {main.outputs[0]}; is the file cut?"
            )
        return Simulation(
            self.constants, self.read, tuple(self.layers), self.answers[answer]
        )

    def _take(self, statement: Statement) -> None:
        text = statement.text
        if _ARRANGING.fullmatch(text):
            self._arrange(statement)
            return
        if match := _CONSTANT.fullmatch(text):
            self._constant(statement, match[1], match[2])
        elif match := _LAYER.fullmatch(text):
            self._layer(statement, match)
        elif match := _PROCESS.fullmatch(text):
            self._process(statement, *match.groups())
        elif text == "y1=exp(y1)" and "y1" in self.answers:
            process = Process("exp", "", statement.line)
            self.answers["y1"] = (*self.answers["y1"], process)
        elif (match := _ANSWER.fullmatch(text)) and match[2] in self._last():
            self.answers[match[1]] = self._last()[match[2]]
        else:
            self._check_no_delay(statement, text)
            raise self._unknown(statement)

    def _arrange(self, statement: Statement) -> None:
        """Each once; what is of the input before any of it is used."""
        text = statement.text
        early, late = text.startswith(("x1=", "X{", "X=", "Y=cell(")), text[0] in "yY"
        wrong = (
            text in self.arranged,
            early and (len(self.inputs) > 2 or self.layers),
            late and not early and not self.answers,
        )
        if any(wrong):
            raise self._unknown(statement)
        if "=" in text:
            self.arranged.add(text)

    def _constant(self, statement: Statement, name: str, text: str) -> None:
        name = re.sub(r"(step\d+)_", r"\1.", name)
        if name in self.constants:
            raise MatlabError(f"line {statement.line}: {name} is set a second time.")
        self.constants[name] = read_matrix(statement, text)

    def _layer(self, statement: Statement, match: re.Match) -> None:
        name, transfer, repeated, plain, terms, closed = match.groups()
        number = len(self.layers) + 1
        weights, skip = self._reads(statement, name, terms)
        told = (name, repeated or plain, bool(closed))
        if told != (f"a{number}", f"b{number}", bool(transfer)):
            raise self._unknown(statement)
        if transfer:
            check_known(f"{transfer}_apply", self.functions, statement)
        activation = ACTIVATIONS.get(transfer or "purelin")
        if activation is None:  # mapminmax of a sum, say
            raise self._unknown(statement)
        self.layers.append(
            MatlabLayer(activation, f"b{number}", weights, skip, statement.line)
        )

    def _reads(
        self, statement: Statement, name: str, terms: str
    ) -> tuple[str, str | None]:
        """The weights of the layer before, and those of the input beside it, if any."""
        number = len(self.layers) + 1
        pairs = re.findall(rf"\+(\w+)\*({_PLACE})", terms, re.ASCII)
        for _, source in pairs:
            self._check_no_delay(statement, source)
        read = {source: weights for weights, source in pairs}
        of_input = [source for source in read if source in self.inputs]
        if not self.layers and of_input:
            self.read = self.inputs[of_input[0]]
        before = f"a{number - 1}" if self.layers else "".join(of_input[:1])
        beside = [source for source in read if source != before]
        same = [source for source in of_input if self.inputs[source] == self.read]
        early = self.layers and self.layers[-1].skip
        if early or len(beside) > 1 or (len(read) > 1 and beside != same):
            told = ", which reads the input too" if early else ""
            raise MatlabError(
                f"line {statement.line}: {name} reads "
                f"{' and '.join(place for _, place in pairs)}{told}; nanonet reads "
                "networks of one input, whose layers read the one before, and the last "
                "of them the input too, if any."
            )
        expected = {before: f"LW{number}_{number - 1}" if self.layers else "IW1_1"}
        expected |= dict.fromkeys(beside, f"IW{number}_1")
        if len(read) < len(pairs) or read != expected:
            raise self._unknown(statement)
        return expected[before], expected[beside[0]] if beside else None

    def _check_no_delay(self, statement: Statement, text: str) -> None:
        if delay := _SERIES.search(text):
            raise MatlabError(
                f"line {statement.line}: {delay[0]} is a delay, so this is a network "
                "of series; nanonet reads networks that are fed forward."
            )

    def _process(
        self, statement: Statement, to: str, name: str, way: str, of: str, settings: str
    ) -> None:
        known = check_known(f"{name}_{way}", self.functions, statement)
        if name in ACTIVATIONS:
            raise self._unknown(statement)
        step = self._settings(statement, known, settings)
        process = Process(name, step, statement.line)
        if way == "apply" and of in self.inputs and step.startswith("x1_"):
            self.inputs[to] = (*self.inputs[of], process)
        elif way == "reverse" and of in self._last() and step.startswith("y1_"):
            self.answers[to] = (*self._last()[of], process)
        else:
            raise self._unknown(statement)

    def _settings(self, statement: Statement, known: Function, given: str) -> str:
        """The name of the settings, which older versions give field by field."""
        step = re.match(r"[xy]1_step\d+", given, re.ASCII)
        fields = [name.removeprefix("settings") for name in known.inputs[1:]]
        if step is None or given.split(",") != [step[0] + field for field in fields]:
            raise self._unknown(statement)
        return step[0]

    def _last(self) -> dict[str, tuple[Process, ...]]:
        """What may become the answer: the last layer, and what was made of it."""
        return {f"a{len(self.layers)}": (), **self.answers} if self.layers else {}

    def _unknown(self, statement: Statement) -> MatlabError:
        return MatlabError(
            f"line {statement.line}: {short(statement.text)} is not what genFunction "
            "writes for a network that is fed forward."
        )
