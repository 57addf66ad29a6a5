"""A function of the parameters, together with all else that it is given."""

import dataclasses
import inspect
import types
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Given:
    """params → fun(params, *args); a pytree, so that new data compile nothing anew."""

    fun: Callable[..., Any]
    args: tuple[Any, ...]
    has_aux: bool = dataclasses.field(default=False, metadata={"static": True})
    """Whether ``fun`` returns a pair, of which the second is for the caller alone."""

    def __call__(self, params: PyTree) -> Any:
        """The value at ``params``, without what else is returned."""
        value = self.fun(params, *self.args)
        return value[0] if self.has_aux else value

    def aux(self, params: PyTree) -> Any:
        """The second of the pair."""
        return self.fun(params, *self.args)[1]


def given(
    fun: Callable[..., Any], args: Any = (), *, has_aux: bool = False
) -> Callable[[PyTree], Any]:
    """``fun`` as a function of the parameters alone; itself, where it is one.

    With ``has_aux`` it has a method ``aux``, params → the second of what it returns.

    Numbers among ``args`` are traced, as in `jax.jit`: none of them is compiled in.

    Raises:
      TypeError: ``fun`` is not a function, or not one of so many arguments; ``args``
        is not a tuple or a list.
    """
    if not callable(fun):
        raise TypeError(
            f"fun is a {type(fun).__name__}, not a function; the function comes first, "
            "then its parameters."
        )
    if not isinstance(args, tuple | list):
        raise TypeError(
            f"args={args!r} must be a tuple of what fun is given after params; "
            "of one argument, args=(data,)."
        )
    _check_takes(fun, len(args))
    if not args and (not has_aux or hasattr(fun, "aux")):
        return fun
    arrays = jax.tree.map(
        lambda leaf: np.asarray(leaf) if isinstance(leaf, int) else leaf, tuple(args)
    )
    return Given(fun, arrays, has_aux)


def _check_takes(fun: Callable[..., Any], count: int) -> None:
    """Raise `TypeError` unless ``fun`` takes the parameters and so many arguments."""
    # Of other callables Python may tell the arguments of what they wrap.
    if not inspect.isroutine(fun) or hasattr(fun, "__signature__"):
        return
    if isinstance(fun, types.FunctionType):
        code = fun.__code__
        fewest = code.co_argcount - len(fun.__defaults__ or ())
        if fewest <= 1 + count <= code.co_argcount and not code.co_kwonlyargcount:
            return  # as usual, and known in a hundredth of the time
    try:
        signature = inspect.signature(fun, follow_wrapped=False)
    except (TypeError, ValueError):  # what is not written in Python may not tell
        return
    try:
        signature.bind(*[None] * (1 + count))
    except TypeError as error:
        taken = ", ".join(signature.parameters)
        raise TypeError(
            f"fun takes ({taken}) and is given the parameters and {count} args. What "
            "it takes beside the parameters goes in args; several parameters are one "
            "argument, a tuple or a dict: lambda p: fun(*p)."
        ) from error
