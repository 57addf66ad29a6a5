"""A training run that goes forth and back: pure functions of its state."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import numpy as np
import optax
from numpy.typing import ArrayLike

from nanonet.network.network import Network, mlp, two_two_one
from nanonet.objectives.losses import half_squared_error
from nanonet.objectives.objective import Objective, objective
from nanonet.rules._parts.registry import NAMED, NamedRule
from nanonet.solve.history import Recorder, Rows, entry_of, history_of
from nanonet.solve.loop import start
from nanonet.solve.outside import go_on, result_of
from nanonet.solve.result import Result, Status
from nanonet.solve.step import Run, Tolerances
from nanonet.table.logic import X, Y

NEVER_STOP = Tolerances(gtol=0.0)

Data = Mapping[str, tuple[ArrayLike, ArrayLike]]

#: Functions of two bits, by their name: x and y.
LOGIC: Data = {
    name: (np.array(X), np.array(y))
    for name, y in {
        "XOR": Y,
        "AND": (0.0, 0.0, 0.0, 1.0),
        "OR": (0.0, 1.0, 1.0, 1.0),
        "NAND": (1.0, 1.0, 1.0, 0.0),
        "x1 alone": (0.0, 0.0, 1.0, 1.0),
    }.items()
}


# α that suits functions of two bits, where it is not the one that suits tables.
LOGIC_RATES = {"gradient descent": 10.0, "momentum": 1.0, "Nesterov momentum": 1.0}
LOGIC_RATES |= {"RMSprop": 0.02, "Adam": 0.1, "AdamW": 0.1, "AMSGrad": 0.1}
LOGIC_RATES["Adagrad"] = 2.0

# What can be chosen here beside what is offered everywhere, and the argument it is.
MOMENTS = {"beta2": "b2", "epsilon": "eps"}
MORE = {"Adam": MOMENTS, "AdamW": MOMENTS, "AMSGrad": MOMENTS}
MORE |= {"RMSprop": {"epsilon": "eps"}, "Adagrad": {"epsilon": "eps"}}

#: The rules by what people call them.
RULES: dict[str, NamedRule] = {
    named.label: named._replace(options={**named.options, **MORE.get(named.label, {})})
    for named in NAMED.values()
}

#: Those of a choice that are numbers: they act while a run goes on.
NUMBERS = {"learning_rate": "α", "beta": "β", "beta2": "β₂", "epsilon": "ε"}


def small_network(hidden: int = 2, activation: str = "sigmoid") -> Network:
    """A network of two inputs and so many hidden units; of two, it is the notes'."""
    if (hidden, activation) == (2, "sigmoid"):
        return two_two_one(init="uniform")
    return mlp([2, hidden, 1], activation, init="uniform")


def usual_rate(rule: str, data: Data) -> float | None:
    """The α that suits the rule and such data; None: it takes none."""
    rate = RULES[rule].learning_rate
    return LOGIC_RATES.get(rule, rate) if data is LOGIC else rate


class Choice(NamedTuple):
    """What there is to choose."""

    rule: str = "gradient descent"
    form: str = "standard"
    learning_rate: float = 10.0
    beta: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    seed: int = 0
    data: str = "XOR"

    def heeded(self) -> dict[str, str]:
        """Which of the choices the rule heeds, and its argument that each is."""
        named = RULES[self.rule]
        rate = {} if named.learning_rate is None else {"learning_rate": "learning_rate"}
        return {**rate, **named.options}

    def make_rule(self) -> optax.GradientTransformation:
        """The chosen rule, with what was chosen for it."""
        given = {
            argument: getattr(self, name) for name, argument in self.heeded().items()
        }
        return RULES[self.rule].make(**given)

    def __str__(self) -> str:
        """The rule and what it heeds: "momentum ewma, α = 1, β = 0.9"."""
        heeded = self.heeded()
        words = [f"{self.rule} {self.form}" if "form" in heeded else self.rule]
        for name, letter in NUMBERS.items():
            usual = Choice._field_defaults[name]
            tells = name in ("learning_rate", "beta") or getattr(self, name) != usual
            if name in heeded and tells:
                words.append(f"{letter} = {getattr(self, name):.3g}")
        return ", ".join(words)


class Session(NamedTuple):
    """A run in progress."""

    network: Network
    data: Data

    choices: tuple[tuple[int, Choice], ...]
    """What was chosen, each with the step from which on it holds."""

    last: int
    """How far the run has been: from an earlier step it goes the same way again."""

    run: Run
    """Where the loop of `minimize` is, with the state of the rule."""

    rows: Rows
    """J, ‖∇J‖ and the parameters of every point so far."""

    @property
    def choice(self) -> Choice:
        """What the step from here goes by."""
        step = int(self.run.step)
        return [choice for begins, choice in self.choices if begins <= step][-1]

    @property
    def fun(self) -> Objective:
        """J of the chosen data."""
        return objective(self.network, half_squared_error, *self.data[self.choice.data])

    @property
    def result(self) -> Result:
        """The run so far, as `minimize` would return it."""
        return result_of(self.run, Status.RUNNING, history_of(self.rows))


def begin(network: Network, data: Data, choice: Choice) -> Session:
    """Stand at the start that belongs to the seed, before any step."""
    with jax.enable_x64(True):
        params = network.init(key=jax.random.key(choice.seed))
        fun = objective(network, half_squared_error, *data[choice.data])
        run = start(fun, choice.make_rule(), params, NEVER_STOP)
        rows = Recorder(entry_of(run.point, "params")).rows
    return Session(network, data, ((0, choice),), 0, run, rows)


def step(session: Session, count: int = 1) -> Session:
    """Take ``count`` steps, or fewer if J or ∇J stops being finite or the rule ends."""
    goal = int(session.run.step) + count
    for changes in [begins for begins, _ in session.choices if begins < goal] + [goal]:
        if changes > session.run.step:
            session = _advance(session, changes)
    return session._replace(last=max(session.last, int(session.run.step)))


def _advance(session: Session, total: int) -> Session:
    """To that step, by what holds now."""
    with jax.enable_x64(True):
        record = Recorder(entry_of(session.run.point, "params"), session.rows)
        run, *_ = go_on(
            session.fun,
            session.choice.make_rule(),
            NEVER_STOP,
            "params",
            session.run,
            record,
            total=total,
            label="explore",
        )
    return session._replace(run=run, rows=record.rows)


def go_to(session: Session, count: int) -> Session:
    """To any step: forth, or from the start to where the run has been, bit for bit."""
    if count < session.run.step:
        again = begin(session.network, session.data, session.choices[0][1])
        session = session._replace(run=again.run, rows=again.rows)
    return step(session, count - int(session.run.step))


def change(session: Session, choice: Choice) -> Session:
    """Other numbers from here on; whatever came after this step is forgotten."""
    here = int(session.run.step)
    before = tuple(each for each in session.choices if each[0] < here)
    return session._replace(choices=(*before, (here, choice)), last=here)
