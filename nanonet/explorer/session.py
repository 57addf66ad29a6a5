"""A training run that can be stepped and rewound: pure functions of its state."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import numpy as np
import optax
from numpy.typing import ArrayLike

from nanonet.network.network import Network
from nanonet.objectives.losses import half_squared_error
from nanonet.objectives.objective import Objective, objective
from nanonet.rules._parts.registry import NAMED, NamedRule
from nanonet.solve.history import Recorder, Rows, entry_of, history_of
from nanonet.solve.loop import start
from nanonet.solve.minimize import go_on, result_of
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


# α that suits XOR, where it is not the one that suits tables.
RATES = {"gradient_descent": 10.0, "momentum": 1.0, "nesterov": 1.0, "adam": 0.1}
RATES["rmsprop"] = 0.02

#: The rules by what people call them.
RULES: dict[str, NamedRule] = {
    named.label: named._replace(learning_rate=RATES.get(name, named.learning_rate))
    for name, named in NAMED.items()
}


class Choice(NamedTuple):
    """What there is to choose."""

    rule: str = "gradient descent"
    form: str = "standard"
    learning_rate: float = 10.0
    beta: float = 0.9
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
        for name, letter in (("learning_rate", "α"), ("beta", "β")):
            if name in heeded:
                words.append(f"{letter} = {getattr(self, name):.3g}")
        return ", ".join(words)


class Session(NamedTuple):
    """A run in progress."""

    network: Network
    data: Data
    choice: Choice

    run: Run
    """Where the loop of `minimize` is, with the state of the rule."""

    rows: Rows
    """J, ‖∇J‖ and the parameters of every point so far."""

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
    return Session(network, data, choice, run, rows)


def step(session: Session, count: int = 1) -> Session:
    """Take ``count`` steps, or fewer if J or ∇J stops being finite or the rule ends."""
    with jax.enable_x64(True):
        record = Recorder(entry_of(session.run.point, "params"), session.rows)
        run, _ = go_on(
            session.fun,
            session.choice.make_rule(),
            NEVER_STOP,
            "params",
            session.run,
            record,
            total=int(session.run.step) + count,
            label="explore",
        )
    return session._replace(run=run, rows=record.rows)


def rewind(session: Session) -> Session:
    """Go back to the very same start."""
    return begin(session.network, session.data, session.choice)
