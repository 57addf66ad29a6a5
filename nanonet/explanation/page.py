"""One step of a rule on paper: its symbols, line by line."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import PyTree

from nanonet._internal.static import jit
from nanonet.explanation.expression import Expression, Name, Value, as_value
from nanonet.explanation.functions import confined
from nanonet.explanation.symbols import at, fill, of, partial, words
from nanonet.network.names import THETA
from nanonet.network.symbol import Symbol
from nanonet.objectives.bounded import Box, bounds_of
from nanonet.objectives.derivatives import hessian, jacobian
from nanonet.objectives.modes import bend
from nanonet.solve.step import Point

S = TypeVar("S")

ALPHA = Symbol("α", "α", r"\alpha")
GRADIENT = Symbol("g")
COST = Symbol("J")
NABLA_J, J_PRIME = Symbol("∇J", "∇J", r"\nabla J"), Symbol("J′", "J′", "J'")
NABLA2_J, J_PRIME2 = Symbol("∇²J", "∇²J", r"\nabla^{2} J"), Symbol("J″", "J″", "J''")
HESSIAN, RESIDUALS, JACOBIAN = Symbol("H"), Symbol("r"), Symbol("A")


class Line(NamedTuple):
    """One line of a page, such as v(1) = β·v(0) + (1 − β)·g(1) = 0.9·0 + 0.1·10 = 1."""

    symbol: Symbol
    formula: Symbol
    numbers: Symbol | None
    """The formula with the numbers put in; None where it is said in words."""

    value: Value
    """What the formula comes to, computed here, in float64."""

    rule: Value | None
    """What the rule has in its state for it; None where it keeps nothing of it."""

    @property
    def difference(self) -> float | None:
        """The largest of |rule - value|."""
        if self.rule is None:
            return None
        apart = np.subtract(self.rule, self.value, dtype=float)
        return float(np.max(np.abs(apart), initial=0))


class Move(NamedTuple):
    """One step that a rule took."""

    time: int
    """T, from 1."""

    options: dict[str, Any]
    """The arguments that the rule was made with."""

    fun: Callable[[PyTree], Any]
    before: Point
    after: Point
    state: Any
    """The rule's, before the step."""

    new_state: Any


class Page:
    """Where a rule's page is written, line by line.

    A page of a rule that treats each parameter alone is written for one parameter, the
    others for all, as a vector. A name that is defined here stands, in later lines,
    for what the rule itself has, so that a difference is that of its own line.
    """

    def __init__(self, move: Move, names: list[Symbol], index: int | None) -> None:
        self.taken = move
        self.time = move.time
        self.options = move.options
        self.index = index
        self.lines: list[Line] = []
        self.constants: dict[Symbol, float] = {}
        alone = index is not None or len(names) == 1
        self.parameter = names[index or 0] if alone else THETA
        self.step_symbol = fill("Δ{theta}", theta=self.parameter)
        start = at(THETA, self.time)
        self.theta = Name(at(self.parameter, self.time), self.own(move.before.params))
        self.cost = Name(at(COST, self.time), move.before.value)
        if not index:
            self.given(COST, of(COST, start), move.before.value)
        slope = of(NABLA_J if len(names) > 1 else J_PRIME, start)
        if index is not None:
            slope = partial(COST, self.parameter)
        self.gradient = self.given(GRADIENT, slope, self.own(move.before.gradient))
        self.downhill = self.gradient
        """The gradient over the parameters that no bound holds."""

        box = bounds_of(move.fun)
        self.bounds = None if box is None else Box(*map(self.own, box))

    def own(self, tree: PyTree) -> Value:
        """The number of this parameter in such a tree; or all, as a vector."""
        vector = np.asarray(ravel_pytree(tree)[0], float)
        if self.index is not None:
            return float(vector[self.index])
        return float(vector[0]) if len(vector) == 1 else vector

    def state(self, kind: type[S]) -> tuple[S, S]:
        """The rule's state of that type, before the step and after it."""
        before, after = self.taken.state, self.taken.new_state
        return _found(before, kind), _found(after, kind)

    def J(self, theta: Value) -> float:
        """J where the rule did not go."""
        _, unravel = ravel_pytree(self.taken.before.params)
        return float(self.taken.fun(unravel(self._vector(theta))))

    @property
    def moved(self) -> bool:
        """Whether the step changed θ."""
        taken = self.taken
        return bool(
            np.any(self.own(taken.before.params) != self.own(taken.after.params))
        )

    def hessian(self) -> Expression:
        """The line of H."""
        matrix, _ = _hessian(self.taken.fun, self.taken.before.params)
        if np.size(matrix) > 1:
            return self.given(HESSIAN, of(NABLA2_J, at(THETA, self.time)), matrix)
        second = of(J_PRIME2, at(THETA, self.time))
        return self.given(HESSIAN, second, np.ravel(matrix)[0])

    def residuals(self) -> tuple[Expression, Expression]:
        """The lines of r and A."""
        r, A = map(np.asarray, _linearized(self.taken.fun, self.taken.before.params))
        if A.shape[1] == 1:
            A = A[:, 0]
            r, A = (r[0], A[0]) if len(r) == 1 else (r, A)
        residuals = self.given(RESIDUALS, of(RESIDUALS, at(THETA, self.time)), r)
        meaning = Symbol("∂r/∂θ", "∂r/∂θ", r"\frac{\partial r}{\partial \theta}")
        return residuals, self.given(JACOBIAN, meaning, A)

    def bend(self, p: Value) -> Any:
        """The second derivative of r along p."""
        params = self.taken.before.params
        bent = np.asarray(_bent(self.taken.fun, params, self._vector(p)))
        return bent[0] if len(bent) == 1 else bent

    def _vector(self, value: Value) -> jax.Array:
        theta, _ = ravel_pytree(self.taken.before.params)
        return jnp.ravel(jnp.asarray(value, theta.dtype))

    def constant(self, name: Symbol, argument: str) -> Expression:
        """A hyperparameter; of a schedule, its value at this step."""
        value = self.options[argument]
        if callable(value):
            return Name(at(name, self.time), value(self.time - 1), constant=True)
        self.constants[name] = float(value)
        return Name(name, value, constant=True)

    def before(self, name: Symbol, value: Any) -> Expression:
        """What a symbol was after the last step."""
        return Name(at(name, self.time - 1), value)

    def then(self, name: Symbol, time: int, value: Any) -> Expression:
        """What a symbol was at another step."""
        return Name(at(name, time), value)

    def value_of(self, array: Any) -> Value:
        """A vector or matrix of all parameters; a number, where there is but one."""
        array = np.asarray(array, float)
        return float(array.ravel()[0]) if array.size == 1 else array

    def given(self, name: Symbol, meaning: Symbol, value: Any) -> Expression:
        """A line whose number is not computed here, but found by JAX or a search."""
        name, value = at(name, self.time), as_value(value)
        self.lines.append(Line(name, meaning, None, value, None))
        return Name(name, value)

    def define(self, name: Symbol, formula: Expression, rule: Any = None) -> Expression:
        """A line of the page, checked against what the rule has."""
        return self._define(at(name, self.time), formula, rule)

    def leads_out(self, theta: Expression) -> bool:
        """Whether that is beyond a bound."""
        if self.bounds is None:
            return False
        low, high = self.bounds
        return bool(np.any((theta.value < low) | (theta.value > high)))

    def move(self, formula: Expression) -> None:
        """The last line, θ(t+1), checked against where the rule went.

        What leads out of the bounds ends at the nearest point in them.
        """
        new = at(self.parameter, self.time + 1)
        if self.leads_out(formula):
            assert self.bounds is not None
            free = fill("{free}{theta}", free=words("free "), theta=new)
            formula = confined(self._define(free, formula, None), *self.bounds)
        self._define(new, formula, self.own(self.taken.after.params))

    def step(self, formula: Expression) -> None:
        """The last two lines, Δθ and θ(t+1) = θ(t) + Δθ."""
        self.move(self.theta + self.define(self.step_symbol, formula))

    def _define(self, name: Symbol, formula: Expression, rule: Any) -> Expression:
        rule = None if rule is None else as_value(rule)
        value = formula.value
        self.lines.append(Line(name, formula.symbols, formula.numbers, value, rule))
        return Name(name, value if rule is None else rule)


@jit
def _hessian(fun: Any, params: PyTree) -> Any:
    return hessian(fun, params)


@jit
def _linearized(fun: Any, params: PyTree) -> tuple[Any, Any]:
    r = fun.residuals
    return jnp.ravel(r(params)), jacobian(r, params).matrix


@jit
def _bent(fun: Any, params: PyTree, p: Any) -> Any:
    theta, unravel = ravel_pytree(params)
    return bend(lambda v: jnp.ravel(fun.residuals(unravel(v))), theta, p)


def _found(state: Any, kind: type) -> Any:
    leaves = jax.tree.leaves(state, is_leaf=lambda node: isinstance(node, kind))
    return next(leaf for leaf in leaves if isinstance(leaf, kind))
