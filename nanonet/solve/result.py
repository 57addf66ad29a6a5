"""What a training run returns, and why it stopped."""

import dataclasses
import enum
import functools
import html
import operator
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree
from numpy import ndarray

from nanonet._internal.grid import Grid
from nanonet.network.names import parameter_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Reason(enum.IntEnum):
    """Why a run stopped, a number whose text is the sentence that says so."""

    sentence: str

    def __new__(cls, value: int, sentence: str) -> "Reason":
        member = int.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member

    def __str__(self) -> str:
        return self.sentence


class Status(Reason):
    """Why a run or a search stopped; each member carries the sentence that says so.

    >>> print(Status.GRADIENT)
    The gradient's norm fell to gtol.
    """

    RUNNING = 0, "The run has not stopped."
    GRADIENT = 1, "The gradient's norm fell to gtol."
    STEP = 2, "The step became small beside the parameters, by xtol."
    OBJECTIVE = 3, "The change of J became small beside J, by ftol."
    GOAL = 4, "J reached the goal."
    PRECISION = 5, "J cannot be made smaller in this precision."
    STEP_LIMIT = 6, "The limit of steps was reached first."
    TIME_LIMIT = 7, "The time limit was reached first; the best parameters are kept."
    INTERRUPTED = 8, "Interrupted from the keyboard; the best parameters are kept."
    NON_FINITE = 9, "J or its derivative is not finite; the best parameters are kept."
    VALIDATION = (
        10,
        "J on the validation rows has not fallen for `patience` steps; the parameters "
        "that were best there are kept.",
    )
    EVIDENCE = (
        11,
        "The evidence for l2 has ceased to rise; the parameters where it was highest "
        "are kept.",
    )
    CONVERGED = 12, "f is zero, or the steps became small by tol."
    SINGULAR = 13, "The derivative vanished, or the Jacobian is singular: no step."
    CYCLE = 14, "The iterates came back to where they had been: a cycle."
    DIVERGED = 15, "The iterates ran away from the start."
    NO_ZERO = (
        16,
        "The steps became small where f is not smaller than nearby: a jump or a pole.",
    )
    NO_DESCENT = 17, "The rule found no lower J, though ∇J is not zero."

    @property
    def converged(self) -> bool:
        """Whether a stop test was met, rather than a limit or a failure."""
        met = Status.GRADIENT <= self <= Status.PRECISION
        return met or self in (Status.VALIDATION, Status.EVIDENCE, Status.CONVERGED)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class History:
    """The run point by point, the start first; inside a trace padded with NaN."""

    value: Float[Array | ndarray, "*batch points"]
    """J."""

    gradient_norm: Float[Array | ndarray, "*batch points"]
    """‖∇J‖₂."""

    params: PyTree[Any] = None
    """Each leaf with a leading axis of points, where they were asked for, else None."""

    steps: Int[Array | ndarray, "*batch points"] | None = None
    """Steps before each point, of a long run that was thinned; else None: 0, 1, 2, …"""

    def __repr__(self) -> str:
        kept = "" if self.params is None else ", and the parameters"
        return f"History: J and ‖∇J‖ at {len(self.value):,} points{kept}."


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=[
        *("params", "value", "gradient_norm", "steps", "evaluations", "status"),
        *("history", "aux", "start_moved"),
    ],
    meta_fields=[],
    drop_fields=["rule"],  # results of different rules are trees of one structure
)
@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """Where a run ended; a pytree."""

    params: PyTree
    """The last parameters; after a failure, a time limit or Ctrl-C, the best seen."""

    value: Float[Array | ndarray, "*batch"] | float
    """J at ``params``."""

    gradient_norm: Float[Array | ndarray, "*batch"] | float
    """‖∇J‖₂ at ``params``."""

    steps: int | Int[Array | ndarray, "*batch"]
    """Steps taken."""

    evaluations: int | Int[Array | ndarray, "*batch"]
    """Evaluations of J, those of line searches included."""

    status: Status | Int[Array | ndarray, "*batch"]
    """Why the run stopped; inside `jax.jit` or `jax.vmap` its number, int32."""

    history: History | None = None
    """J and ‖∇J‖ at every point, and the parameters if asked for."""

    aux: PyTree[Any] = None
    """What the objective returns beside J at ``params``, with ``has_aux``."""

    start_moved: bool | Bool[Array | ndarray, "*batch"] = False
    """Whether the start was outside the bounds, and was moved inside."""

    rule: str | None = None
    """What made the rule, "adam(0.1)" say, by which pictures choose a color; None if it
    is not a rule of nanonet, or the result has been through `jax.jit` or `jax.tree`."""

    @property
    def converged(self) -> bool | Bool[Array | ndarray, "*batch"]:
        """Whether a stop test was met, rather than a limit or a failure."""
        if isinstance(self.status, Status):
            return self.status.converged
        return is_one_of([code for code in Status if code.converged], self.status)

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """Draw J against the steps; see `nanonet.plot.losses`."""
        from nanonet.plot.curves import losses

        return losses(self, ax=ax)

    def _repr_html_(self) -> str:
        """A small table for a notebook, with the parameters by their names."""
        if not isinstance(self.status, Status):
            return f"<pre>{html.escape(repr(self))}</pre>"
        rows = [
            ["J", _short(self.value)],
            ["‖∇J‖", _short(self.gradient_norm)],
            ["steps", f"{self.steps:,}"],
            ["evaluations of J", f"{self.evaluations:,}"],
        ]
        numbers = [n for leaf in jax.tree.leaves(self.params) for n in np.ravel(leaf)]
        if len(numbers) > MOST_ROWS:
            rows.append(["params", describe(self.params)])
        else:
            names = parameter_names(self.params)
            rows += [list(row) for row in zip(names, map(_short, numbers), strict=True)]
        return Grid(("Result", str(self.status)), rows, {"Result"})._repr_html_()

    def __repr__(self) -> str:
        if not isinstance(self.status, Status):
            fields = ((f.name, getattr(self, f.name)) for f in dataclasses.fields(self))
            text = ", ".join(f"{n}={v}" for n, v in fields if n in ("value", "status"))
            return f"Result of shape {np.shape(self.status)}: {text}"
        moved = ["The start was outside the bounds and was moved inside."]
        return "\n".join(
            [
                f"Result: J = {_short(self.value)}, "
                f"‖∇J‖ = {_short(self.gradient_norm)} "
                f"after {self.steps:,} steps, {self.evaluations:,} evaluations of J.",
                str(self.status),
                *moved * bool(self.start_moved),
                f"params: {describe(self.params)}",
            ]
        )


def is_one_of(codes: Iterable[int], status: Array | ndarray) -> Any:
    """Whether each status is one of the codes."""
    return functools.reduce(operator.or_, [status == int(code) for code in codes])


def describe(params: PyTree) -> str:
    """Parameters in a line: the numbers where they are few, else how many there are.

    >>> describe({"w": np.array([1.0, 2.5]), "b": np.float32(3)})
    "{'b': 3, 'w': [1, 2.5]}"
    >>> describe(np.zeros((20, 50)))
    '1,000 numbers'
    """
    leaves, treedef = jax.tree.flatten(params)
    count = sum(np.size(leaf) for leaf in leaves)
    if count > MOST_NUMBERS:
        return f"{count:,} numbers"
    short = [np.vectorize(_short, otypes=[object])(leaf).tolist() for leaf in leaves]
    return str(jax.tree.unflatten(treedef, map(_Text, map(_plain, short))))


# As many numbers as the 2-2-1 network has fit in a line or two.
MOST_NUMBERS = 9
MOST_ROWS = 20  # in a notebook


def _short(value: Any) -> str:
    return f"{np.asarray(value).item():.6g}"


def _plain(nested: Any) -> str:
    return nested if isinstance(nested, str) else f"[{', '.join(map(_plain, nested))}]"


class _Text(str):
    """Text that is shown without quotes, inside whatever holds it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)
