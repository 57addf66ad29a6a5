"""Training many small networks at once: `minimize_many` of a network's J."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jax.tree_util import Partial
from jaxtyping import PyTree
from numpy.typing import ArrayLike

from nanonet._internal.checks import check_numbers, check_parameters, check_untraced
from nanonet._internal.deprecated import renamed
from nanonet.many.axes import along_first
from nanonet.many.fits import Fits
from nanonet.many.problems import problems_of
from nanonet.many.solve_many import solve_many
from nanonet.network.network import Network
from nanonet.objectives.data import check_real, check_widths
from nanonet.objectives.losses import Loss, usual_loss
from nanonet.objectives.objective import Objective
from nanonet.solve.minimize import check_rule, tolerances_of

# What is unrolled: no more rows at a time, so that the program stays short.
ROWS_UNROLLED = 8


@renamed(steps="max_steps", block_size=None, slice_size=None)
def fit_many(
    network: Network,
    x: ArrayLike,
    y: ArrayLike,
    params_or_keys: PyTree,
    *,
    rule: optax.GradientTransformation,
    max_steps: int,
    loss: Loss | None = None,
    l2: float | ArrayLike = 0.0,
    bounds: tuple[Any, Any] | None = None,
    gtol: float | None = None,
    goal: float | None = None,
    record_every: int | None = None,
    mesh: Mesh | None = None,
    time_limit: float | None = None,
    resume: Fits | None = None,
    progress: bool = False,
) -> Fits:
    """Train N independent small networks, each minimising its own J as `minimize` does.

    ::

        θᵢ(t+1) = θᵢ(t) + update(∇Jᵢ(θᵢ(t)))        i = 1 … N

    It is `minimize_many` of the network's J: one lane of the processor's vectors for
    each network, on all cores. The result for one start does not depend, but for
    rounding, on the others.

    Args:
      network: of `mlp`, `two_two_one`, or any other.
      x: inputs, [n, inputs] for all networks or [N, n, inputs], each its own.
      y: targets, [n, outputs] or [n]; with a leading axis of N, each its own.
      params_or_keys: N starts: parameters with a leading axis of N, or N random keys
        for ``network.init``.
      rule: of nanonet or of optax. Where it is nanonet's, a hyperparameter may be an
        array of N, one for each network.
      max_steps: of each network.
      loss: of one example; J is its mean over the examples. By default that of the
        network's output units, see `nanonet.objectives.losses.usual_loss`.
      l2: λ of `l2_penalty`, a number or an array of N.
      bounds: (lower, upper) of the parameters, as for `minimize`; arrays with a leading
        axis of N are each network's own. Random starts outside are mirrored at their
        bound, parameters that are given are moved to the nearest point inside. Rules
        with a matrix solve for their step several times where bounds are in its way,
        all lanes as often as the one that takes longest.
      gtol: a network stops where ‖∇J‖₂ ≤ gtol; within bounds, where that of
        θ - P(θ - ∇J) is.
      goal: a network stops where J ≤ goal. Without a ``gtol`` or a ``goal`` nothing is
        tested on the way, which is faster.
      record_every: keep J at the start and after every so many steps.
      mesh: as for `minimize_many`.
      time_limit: as there.
      resume: as there.
      progress: as there.

    Returns:
      `Fits`, on the host, in the order of the starts; see `minimize_many`.

    Raises:
      ValueError: no networks, arrays of different N, data that the network does not
        fit, a limit that is negative, or a mesh of several axes.
      TypeError: ``rule`` is not a rule, a start is neither a key nor floating point.

    >>> from nanonet.network.network import two_two_one
    >>> from nanonet.objectives.losses import half_squared_error
    >>> from nanonet.rules.adam import adam
    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> keys = jax.random.split(jax.random.key(0), 100)
    >>> fits = fit_many(two_two_one(), x, y, keys, rule=adam(0.1), max_steps=1000,
    ...                 loss=half_squared_error)
    >>> solved = np.mean(fits.value < 1e-3)
    >>> bool(0.3 < solved < 0.7), fits.best(3).value.shape
    (True, (3,))
    """
    check_untraced("fit_many", (params_or_keys, x, y, l2, rule))
    check_rule(rule)
    loss = usual_loss(network) if loss is None else loss
    starts, draw = _read_starts(network, params_or_keys)
    shape = (len(jax.tree.leaves(starts)[0]),)
    params = _params_of_one(starts, draw)
    x, y, x_is_own, y_is_own = _read_data(network, loss, params, x, y, shape)
    check_numbers("l2", l2, at_least=0)
    # An integer 0 is known while tracing, so that the penalty folds away.
    l2 = 0 if np.ndim(l2) == 0 and l2 == 0 else l2
    if np.ndim(l2):
        l2 = along_first("l2", l2, shape)
    problems = problems_of(
        shape,
        starts,
        params,
        _objective,
        (network, loss, x, y, l2),
        (False, False, x_is_own, y_is_own, np.ndim(l2) > 0),
        rule,
        bounds,
        draw,
    )
    return solve_many(
        "fit_many",
        problems,
        max_steps=max_steps,
        tolerances=tolerances_of(gtol=0.0 if gtol is None else gtol, goal=goal),
        tests="none" if gtol is None and goal is None else "point",
        record_every=record_every,
        mesh=mesh,
        time_limit=time_limit,
        resume=resume,
        progress=progress,
    )


def _objective(network: Network, loss: Loss, x: Any, y: Any, l2: Any) -> Objective:
    """J of one network."""
    return Objective(network, loss, "mean", x, y, l2, chunk=ROWS_UNROLLED)


def _read_starts(network: Network, given: PyTree) -> tuple[PyTree, Partial | None]:
    """Return the starts, on the host, and what makes parameters of random keys."""
    leaves = jax.tree.leaves(given)
    if not leaves or any(np.ndim(leaf) == 0 for leaf in leaves):
        raise ValueError("params_or_keys must have a leading axis, one per network.")
    lengths = {len(leaf) for leaf in leaves}
    if len(lengths) > 1:
        raise ValueError(
            f"params_or_keys has leading axes of {sorted(lengths)}; they must be alike."
        )
    if lengths == {0}:
        raise ValueError("params_or_keys holds no networks.")
    dtype = leaves[0].dtype if len(leaves) == 1 else None
    is_typed = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)
    if is_typed or (dtype == np.uint32 and np.shape(leaves[0])[1:] == (2,)):
        key_type = str(jax.random.key_impl(given)) if is_typed else None
        keys = jax.random.key_data(given) if is_typed else given
        return np.asarray(keys), Partial(_draw, network.init, key_type)
    check_parameters("params_or_keys", given)
    return jax.tree.map(np.asarray, given), None


def _draw(init: Callable, key_type: str | None, key: jax.Array) -> PyTree:
    """Where a key makes a network start."""
    return init(key=jax.random.wrap_key_data(key, impl=key_type))


def _params_of_one(starts: PyTree, draw: Partial | None) -> PyTree:
    """The parameters of one network, as shapes."""
    if draw is not None:
        return _drawn(*draw.args, starts.shape[1:], jnp.result_type(float))

    def of_one(leaf: np.ndarray) -> jax.ShapeDtypeStruct:
        dtype = jax.dtypes.canonicalize_dtype(leaf.dtype)
        return jax.ShapeDtypeStruct(leaf.shape[1:], dtype)

    return jax.tree.map(of_one, starts)


@functools.lru_cache
def _drawn(
    init: Callable, key_type: str | None, shape: tuple[int, ...], precision: Any
) -> PyTree:
    """What a random key makes, as shapes, where floats have this precision."""
    key = jax.ShapeDtypeStruct(shape, np.uint32)
    return jax.eval_shape(functools.partial(_draw, init, key_type), key)


def _read_data(
    network: Network, loss: Loss, params: PyTree, x: Any, y: Any, shape: tuple[int, ...]
) -> tuple[Any, Any, bool, bool]:
    """Return x and y, on the host, and whether each network has its own."""
    x, y = _on_host("x", x), _on_host("y", y)
    if x.ndim < 2:
        raise ValueError(f"x has shape {x.shape}; it must be [n, inputs].")
    x_is_own = x.ndim == 3
    if x_is_own:
        along_first("x", x, shape)
    n = x.shape[1] if x_is_own else len(x)
    one_x = x[0] if x_is_own else x
    if network.architecture is not None:
        outputs = network.architecture.sizes[-1]
    else:
        outputs = jax.eval_shape(network.apply, params, one_x[0]).size if n else 1
    y_is_own = y.shape[:1] != (n,) or y.size != n * outputs
    if y_is_own:
        along_first("y", y, shape)
    check_widths(network, one_x, y[0] if y_is_own else y)
    return x, y, x_is_own, y_is_own


def _on_host(argument: str, values: ArrayLike) -> np.ndarray:
    array = np.asarray(values)
    check_real(argument, array)
    return array if array.dtype.kind in "fV" else array.astype(jnp.result_type(float))
