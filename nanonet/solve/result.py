"""What a training run returns, and why it stopped."""

import enum
from typing import Any, NamedTuple

from jaxtyping import Array, Float, PyTree
from numpy import ndarray


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
    """Why a minimisation stopped; each member carries the sentence that says so.

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
    NON_FINITE = 9, "J or its gradient is not finite; the best parameters are kept."
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

    @property
    def converged(self) -> bool:
        """Whether a stop test was met, rather than a limit or a failure."""
        met = Status.GRADIENT <= self <= Status.PRECISION
        return met or self in (Status.VALIDATION, Status.EVIDENCE)


class History(NamedTuple):
    """The run point by point: entry 0 is the start, entry t the point after t steps."""

    value: Float[Array | ndarray, " points"]
    """J."""

    gradient_norm: Float[Array | ndarray, " points"]
    """‖∇J‖₂."""

    params: PyTree[Any] = None
    """Each leaf with a leading axis of points, where they were asked for, else None."""


class Result(NamedTuple):
    """Where a run ended."""

    params: PyTree[Array]
    """The last parameters; after a failure, a time limit or Ctrl-C, the best seen."""

    value: Float[Array, ""]
    """J at ``params``."""

    gradient_norm: Float[Array, ""]
    """‖∇J‖₂ at ``params``."""

    steps: int
    """Steps taken."""

    evaluations: int
    """Evaluations of J, those of line searches included."""

    status: Status
    """Why the run stopped."""

    history: History
    """J and ‖∇J‖ at every point, and the parameters if asked for."""
