"""A training run that can be stepped and rewound: pure functions of its state."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import numpy as np
import optax
from numpy.typing import ArrayLike

from nanonet.network.network import Network
from nanonet.objectives.losses import half_squared_error
from nanonet.objectives.objective import Objective, objective
from nanonet.rules._parts.registry import NAMED, NamedRule
from nanonet.solve.history import Recorder
from nanonet.solve.loop import start
from nanonet.solve.minimize import go_on, result_of
from nanonet.solve.result import History, Result, Status
from nanonet.solve.step import Run, Tolerances
from nanonet.table.logic import X, Y

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


class Choice(NamedTuple):
    """What there is to choose."""

    rule: str = "gradient descent"
    form: str = "standard"
    learning_rate: float = 10.0
    beta: float = 0.9
    seed: int = 0
    data: str = "XOR"


class RuleKind(NamedTuple):
    """A rule, and which of the choices it heeds."""

    make: Callable[[Choice], optax.GradientTransformation]
    heeds: frozenset[str]
    learning_rate: float
    """One that suits it."""


# α that suits XOR, where it is not the one that suits tables.
RATES = {"gradient_descent": 10.0, "momentum": 1.0, "nesterov": 1.0}
RATES |= {"rmsprop": 0.02, "adam": 0.1}


def _kind(name: str, named: NamedRule) -> RuleKind:
    takes_rate = named.learning_rate is not None

    def make(choice: Choice) -> optax.GradientTransformation:
        options = {
            argument: getattr(choice, offered)
            for offered, argument in named.options.items()
        }
        return named.make(*[choice.learning_rate] * takes_rate, **options)

    heeds = frozenset([*named.options, *["learning_rate"] * takes_rate])
    return RuleKind(make, heeds, RATES.get(name, named.learning_rate or 1.0))


#: The rules by what people call them.
RULES: dict[str, RuleKind] = {
    named.label: _kind(name, named) for name, named in NAMED.items()
}


class Session(NamedTuple):
    """A run in progress."""

    network: Network
    data: Data
    choice: Choice

    run: Run
    """Where the loop of `minimize` is, with the state of the rule."""

    history: History | None
    """J, ‖∇J‖ and the parameters of every point so far."""

    @property
    def fun(self) -> Objective:
        """J of the chosen data."""
        return objective(self.network, half_squared_error, *self.data[self.choice.data])

    @property
    def rule(self) -> optax.GradientTransformation:
        """The chosen rule, with what was chosen for it."""
        return RULES[self.choice.rule].make(self.choice)

    @property
    def label(self) -> str:
        """The rule and what it heeds: "momentum ewma, α = 1, β = 0.9"."""
        heeds = RULES[self.choice.rule].heeds
        words = [self.choice.rule]
        if "form" in heeds:
            words[0] += f" {self.choice.form}"
        if "learning_rate" in heeds:
            words.append(f"α = {self.choice.learning_rate:.3g}")
        if "beta" in heeds:
            words.append(f"β = {self.choice.beta:.3g}")
        return ", ".join(words)

    @property
    def result(self) -> Result:
        """The run so far, as `minimize` would return it."""
        return result_of(self.run, Status.RUNNING, self.history)


def begin(network: Network, data: Data, choice: Choice) -> Session:
    """Stand at the start that belongs to the seed, before any step."""
    with jax.enable_x64(True):
        params = network.init(key=jax.random.key(choice.seed))
        fun = objective(network, half_squared_error, *data[choice.data])
        run = start(fun, RULES[choice.rule].make(choice), params, NEVER_STOP)
    return Session(network, data, choice, run, Recorder(run.point, "params").history)


def step(session: Session, count: int = 1) -> Session:
    """Take ``count`` steps, or fewer if J or ∇J stops being finite or the rule ends."""
    with jax.enable_x64(True):
        record = Recorder(session.run.point, "params", session.history)
        run, _ = go_on(
            session.fun,
            session.rule,
            NEVER_STOP,
            session.run,
            record,
            total=int(session.run.step) + count,
            label="explore",
        )
    return session._replace(run=run, history=record.history)


def rewind(session: Session) -> Session:
    """Go back to the very same start."""
    return begin(session.network, session.data, session.choice)


NEVER_STOP = Tolerances(gtol=0.0)
