"""Names that changed: the old ones work for one more version, and warn."""

import functools
import warnings
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

# Public names of `nanonet` that changed: old to new.
OLD_NAMES: dict[str, str] = {
    "squared_error": "mean_squared_error",
    "RootStatus": "Status",
}


def new_name(old: str) -> str:
    """What a public name of `nanonet` that changed is called now, with a warning.

    Raises AttributeError where no public name was ever called so.
    """
    if old not in OLD_NAMES:
        raise AttributeError(f"module 'nanonet' has no attribute {old!r}")
    new = OLD_NAMES[old]
    message = f"nanonet.{old} is now called nanonet.{new}; the old name will go."
    # Past this function and the module's __getattr__, to the user's line.
    warnings.warn(message, DeprecationWarning, stacklevel=3)
    return new


def renamed(
    **old_to_new: str | tuple[str, Callable[[Any], Any]] | None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function take keyword arguments by the names they used to have.

    Each keyword is an old name, its value the new one, or the new one and a function
    that turns what used to be passed into what is passed now, or None, where there is
    nothing to choose any more. An old name warns and is passed on, if anywhere; a call
    with both names raises TypeError. Signature and type hints
    show the new names alone.

    >>> import warnings
    >>> @renamed(steps="max_steps")
    ... def train(max_steps: int) -> str:
    ...     return f"{max_steps} steps"
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     print(train(steps=3))
    3 steps
    >>> print(caught[0].message)
    train: write max_steps=… for steps=…; the old name will go.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            for old in old_to_new.keys() & kwargs.keys():
                renaming = old_to_new[old]
                if renaming is None:
                    del kwargs[old]
                    warnings.warn(
                        f"{function.__name__}: leave out {old}=…, which does nothing "
                        "any more; the name will go.",
                        DeprecationWarning,
                        stacklevel=2,
                    )
                    continue
                simple = isinstance(renaming, str)
                new, convert = (renaming, lambda x: x) if simple else renaming
                if new in kwargs:
                    raise TypeError(
                        f"{function.__name__}: {new} is given twice, also by its old "
                        f"name {old}; write {new}=… alone."
                    )
                warnings.warn(
                    f"{function.__name__}: write {new}=… for {old}=…; the old name "
                    "will go.",
                    DeprecationWarning,
                    stacklevel=2,
                )
                kwargs[new] = convert(kwargs.pop(old))
            return function(*args, **kwargs)

        return call

    return decorate
