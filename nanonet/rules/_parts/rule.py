"""What makes a function of hyperparameters an update rule."""

import functools
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ParamSpec

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jax.tree_util import Partial
from jaxtyping import PyTree

from nanonet._internal.checks import check_inexact, check_match, check_numbers
from nanonet._internal.static import combine, partition

Schedule = Callable[[Any], Any]
Number = float | jax.Array
LearningRate = Number | Schedule

P = ParamSpec("P")


def check_learning_rate(learning_rate: LearningRate) -> None:
    """Raise unless the learning rate is a schedule, traced, or a number ≥ 0."""
    if not callable(learning_rate):
        check_not_negative(learning_rate=learning_rate)


def check_decay(**betas: Number) -> None:
    """Raise unless each β is traced or a number 0 ≤ β < 1."""
    for name, beta in betas.items():
        check_numbers(name, beta, at_least=0, below=1)


def check_not_negative(**numbers: Number) -> None:
    """Raise unless each is traced or a finite number ≥ 0."""
    for name, number in numbers.items():
        check_numbers(name, number, at_least=0, below=math.inf)


def rule(
    make: Callable[P, optax.GradientTransformation],
) -> Callable[P, optax.GradientTransformationExtraArgs]:
    """Turn a constructor of an optax transformation into an update rule.

    It does for every rule what none of them should have to say:

    - A rule is data. An optax transformation is a pair of closures, so a new learning
      rate makes new closures, and every jitted function that is given them compiles
      anew. Here ``init`` and ``update`` are `jax.tree_util.Partial` objects whose
      leaves are the hyperparameters that are floats or arrays, and ``make`` is called
      again where they are used. Rules that differ in numbers alone share one
      compilation; a rule may be an argument of a jitted function, mapped over, pickled.
    - Precision. Updates and state in float16 or bfloat16 are computed with in float32,
      where ε = 1e-8 is not 0. What comes out has the dtype of what went in: updates
      that of the gradient, state that of the state, so that its type is the same from
      step to step, as `jax.lax.scan` and `jax.lax.cond` ask.
    - Checks. Parameters and gradients are floating point or complex (integers may be
      beside them), and alike in structure and shape.
    """
    signature = inspect.signature(make)

    @functools.wraps(make)
    def constructor(
        *args: P.args, **kwargs: P.kwargs
    ) -> optax.GradientTransformationExtraArgs:
        make(*args, **kwargs)  # its errors belong here, not where it is first used
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        for name, parameter in signature.parameters.items():
            if parameter.annotation is int:  # 10.0 is one, but no number to trace
                bound.arguments[name] = int(bound.arguments[name])
        recipe = Recipe(constructor, *partition(dict(bound.arguments)))
        return optax.GradientTransformationExtraArgs(
            Partial(_init, recipe), Partial(_update, recipe)
        )

    return constructor


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["numbers"],
    meta_fields=["constructor", "static"],
)
@dataclass(frozen=True)
class Recipe:
    """A rule's constructor and its arguments; as a pytree, its numbers."""

    constructor: Callable
    static: Any
    numbers: list

    @property
    def arguments(self) -> dict[str, Any]:
        """What the constructor was given, by name."""
        return combine(self.static, self.numbers)

    @property
    def name(self) -> str:
        """The constructor, with the arguments that differ from its defaults."""
        words = []
        for name, parameter in _signature(self.constructor).parameters.items():
            value = repr(self.arguments[name])
            if parameter.default is inspect.Parameter.empty:
                words.append(value)
            elif value != repr(parameter.default):
                words.append(f"{name}={value}")
        return f"{self.constructor.__name__}({', '.join(words)})"

    def __repr__(self) -> str:
        return self.name

    def make(self) -> optax.GradientTransformationExtraArgs:
        """The optax transformation."""
        make = inspect.unwrap(self.constructor)
        return optax.with_extra_args_support(make(**self.arguments))


_signature = functools.lru_cache(inspect.signature)


def recipe_of(rule: Any) -> Recipe | None:
    """What made a rule, if it is one of nanonet's."""
    held = [
        next(iter(getattr(getattr(rule, name, None), "args", ())), None)
        for name in ("init", "update")  # one of them alone: somebody's, made of it
    ]
    recipe, other = held
    both = isinstance(recipe, Recipe) and isinstance(other, Recipe)
    return recipe if both else None


def rule_name(rule: Any) -> str | None:
    """What made a rule of nanonet, with the arguments that differ from the defaults.

    >>> from nanonet.rules.momentum import momentum
    >>> rule_name(momentum(0.1, form="ewma"))
    "momentum(0.1, form='ewma')"
    """
    recipe = recipe_of(rule)
    return None if recipe is None else recipe.name


def _init(recipe: Recipe, params: PyTree) -> PyTree:
    _check_trained("params", params)
    state = recipe.make().init(params)
    return jax.tree.map(_like, state, state)


def _update(
    recipe: Recipe,
    updates: PyTree,
    state: Any,
    params: PyTree | None = None,
    **extra_args: Any,
) -> tuple[PyTree, PyTree]:
    _check_trained("updates", updates)
    if params is not None:
        check_match("updates", updates, "params", params)
    new_updates, new_state = recipe.make().update(
        jax.tree.map(_wide, updates), jax.tree.map(_wide, state), params, **extra_args
    )
    return (
        jax.tree.map(_update_like, new_updates, updates),
        jax.tree.map(_like, new_state, state),
    )


def _check_trained(argument: str, tree: PyTree) -> None:
    """Raise unless all is floating point, but for integers beside it, as in optax."""
    leaves = jax.tree.leaves(tree)
    if all(map(_is_whole, leaves)) or any(isinstance(leaf, str) for leaf in leaves):
        check_inexact(argument, tree)


def _is_whole(leaf: Any) -> bool:
    dtype = getattr(leaf, "dtype", type(leaf))
    return dtype in (int, bool) or (
        dtype is not str and not jnp.issubdtype(dtype, jnp.inexact)
    )


def _update_like(new: Any, old: Any) -> Any:
    """``new`` in the dtype of ``old``, unless that is whole and has no room for it."""
    return new if _is_whole(old) else _like(new, old)


def _wide(leaf: Any) -> jax.Array:
    """An array; in float32, if it has half the bits."""
    leaf = leaf if isinstance(leaf, jax.Array) else jnp.asarray(leaf)
    half = leaf.dtype in (jnp.float16, jnp.bfloat16)
    return leaf.astype(jnp.float32) if half else leaf


def _like(new: Any, old: Any) -> jax.Array:
    """``new`` in the dtype of ``old``.

    It is not weakly typed, as Python's numbers are in JAX, whose type would change.
    """
    dtype = old.dtype if isinstance(old, jax.Array) else jnp.result_type(old)
    if isinstance(new, jax.Array) and new.dtype == dtype and not new.weak_type:
        return new
    return lax.convert_element_type(new, dtype)
