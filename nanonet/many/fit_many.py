"""Training many small networks at once, at the speed of the hardware."""

import functools
import math
import os
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree
from numpy.typing import ArrayLike

from nanonet._internal.checks import check_number, check_parameters
from nanonet._internal.static import join, split
from nanonet.many.blocks import (
    Plan,
    block_size_for,
    initialize,
    on_safe_devices,
    train_slice,
)
from nanonet.many.fits import Fits
from nanonet.many.one import Limits, Problem
from nanonet.network.network import Network
from nanonet.objectives.losses import Loss, half_squared_error
from nanonet.objectives.objective import objective
from nanonet.rules._parts.rule import Recipe
from nanonet.solve.host import interrupt_flag, progress_bar

# A slice, between two of which the host looks up, has no more networks or bytes.
NETWORKS_PER_SLICE = 2**16
BYTES_PER_SLICE = 2**28


def fit_many(
    network: Network,
    x: ArrayLike,
    y: ArrayLike,
    params_or_keys: PyTree,
    *,
    rule: optax.GradientTransformation,
    steps: int,
    loss: Loss = half_squared_error,
    l2: float | ArrayLike = 0.0,
    gtol: float | None = None,
    goal: float | None = None,
    record_every: int | None = None,
    mesh: Mesh | None = None,
    block_size: int | None = None,
    slice_size: int | None = None,
    time_limit: float | None = None,
    resume: Fits | None = None,
    progress: bool = False,
) -> Fits:
    """Train N independent small networks, each minimising its own J as `minimize` does.

    ::

        θᵢ(t+1) = θᵢ(t) + update(∇Jᵢ(θᵢ(t)))        i = 1 … N

    Each network is one lane of the processor's vectors, by `scalarize`; a block of them
    stays in the fastest cache for its whole training; every device of ``mesh`` has its
    share. The result for one start does not depend, but for rounding, on N, on the
    block, or on the devices. JAX shows a CPU as one device, which uses one core, unless
    told otherwise before it starts, e.g. by the environment variable
    ``XLA_FLAGS=--xla_force_host_platform_device_count=8``.

    Args:
      network: of `mlp`, `two_two_one`, or any other.
      x: inputs, [n, inputs] for all networks or [N, n, inputs], each its own.
      y: targets, [n, outputs] or [n]; with a leading axis of N, each its own.
      params_or_keys: N starts: parameters with a leading axis of N, or N random keys
        for ``network.init``.
      rule: of nanonet or of optax. Where it is nanonet's, a hyperparameter may be an
        array of N, one for each network.
      steps: of each network, at the most.
      loss: of one example; J is its mean over the examples.
      l2: λ of `l2_penalty`, a number or an array of N.
      gtol: a network stops where ‖∇J‖₂ ≤ gtol.
      goal: a network stops where J ≤ goal. Without a ``gtol`` or a ``goal`` nothing is
        tested on the way, which is faster.
      record_every: keep J at the start and after every so many steps.
      mesh: of one axis, over which the networks are spread: all devices by default.
        With `jax.distributed`, over several hosts; each gets all results.
      block_size: networks trained side by side, by default as many as fit in the cache.
      slice_size: networks between two looks of the host. Only one slice is on the
        devices at a time, so N may be larger than their memory.
      time_limit: seconds, looked at between slices.
      resume: what an earlier call with the same arguments finished before it was
        interrupted; its networks are not trained again.
      progress: show a progress bar, on a terminal.

    Returns:
      `Fits`, on the host, in the order of the starts. After Ctrl-C or the time limit
      those of the networks whose slices are finished, the first of all. A network that
      diverges has the status NON_FINITE, and the others do not notice.

    Raises:
      ValueError: no networks, arrays of different N, data that the network does not
        fit, a limit that is negative, or a mesh of several axes.
      TypeError: ``rule`` is not a rule, a start is neither a key nor floating point.

    >>> from nanonet.network.network import two_two_one
    >>> from nanonet.rules.levenberg_marquardt import levenberg_marquardt
    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> keys = jax.random.split(jax.random.key(0), 100)
    >>> rule = levenberg_marquardt(solver="cholesky", scaled=False)
    >>> fits = fit_many(two_two_one(), x, y, keys, rule=rule, steps=50)
    >>> solved = np.mean(fits.value < 1e-3)
    >>> bool(0.5 < solved < 0.95), fits.best(3).value.shape
    (True, (3,))
    """
    if not isinstance(rule, optax.GradientTransformation):
        raise TypeError(f"rule={rule!r} must be an update rule, as adam(0.01) is.")
    check_number("steps", steps, at_least=0)
    _check_given(at_least=0, gtol=gtol, time_limit=time_limit)
    _check_given(
        at_least=1,
        record_every=record_every,
        block_size=block_size,
        slice_size=slice_size,
    )
    mesh = Mesh(np.array(jax.devices()), ("networks",)) if mesh is None else mesh
    if len(mesh.axis_names) != 1:
        raise ValueError(
            f"mesh has the axes {mesh.axis_names}; it must have one, for the networks."
        )
    starts, start = _starts(network, params_or_keys)
    N = len(jax.tree.leaves(starts)[0])
    params = jax.eval_shape(start, jax.tree.map(lambda leaf: leaf[:1], starts))
    params = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), params
    )
    xs, ys, shared = _data(network, loss, params, x, y, N)
    _check_own("l2", l2, N)
    check_number("l2", l2, at_least=0)
    _check_rule(rule, N)
    # An integer 0 is known while tracing, so that the penalty folds away.
    l2 = 0 if np.ndim(l2) == 0 and l2 == 0 else l2
    static, numbers = split(Problem(network, loss, rule, xs, ys, l2))
    is_own = tuple(
        np.ndim(number) > 0 and not any(number is data for data in shared)
        for number in numbers
    )
    own = [np.asarray(n) for n, mine in zip(numbers, is_own, strict=True) if mine]
    records = 0 if record_every is None else steps // record_every + 1
    size, block_size = _sizes(
        N,
        mesh,
        block_size or block_size_for(rule, params),
        slice_size,
        bytes_per_network=_bytes((params, params)) + _bytes(own) // N + 4 * records,
    )
    _check_memory(N, params, records)
    plan = Plan(static, is_own, mesh, block_size, records, (gtol, goal) != (None, None))
    limits = Limits(
        steps,
        1 if record_every is None else record_every,
        -1.0 if gtol is None else float(gtol),
        -math.inf if goal is None else float(goal),
    )
    everyones = [n for n, mine in zip(numbers, is_own, strict=True) if not mine]

    def rows_from(first: int) -> tuple[PyTree, list]:
        rows = np.minimum(np.arange(first, first + size), N - 1)
        return jax.tree.map(lambda leaf: leaf[rows], (starts, own))

    def shapes() -> tuple:
        of_slice, own_of_slice = rows_from(0)
        return jax.eval_shape(start, of_slice), own_of_slice, everyones, limits

    plan = on_safe_devices(plan, shapes)
    along = NamedSharding(plan.mesh, PartitionSpec(mesh.axis_names[0]))

    def train(first: int) -> Fits:
        mine_starts, mine_own = jax.device_put(rows_from(first), along)
        fits = train_slice(plan, start(mine_starts), mine_own, everyones, limits)
        return jax.tree.map(lambda leaf: leaf[: N - first], _to_host(fits))

    return _slices(train, N, size, time_limit, resume, progress)


def _slices(
    train: Callable[[int], Fits],
    N: int,
    size: int,
    time_limit: float | None,
    resume: Fits | None,
    progress: bool,
) -> Fits:
    """Train slice after slice, until all are done or the host wants to stop."""
    parts = [] if resume is None else [resume]
    first = 0 if resume is None else len(resume.value)
    deadline = math.inf if time_limit is None else time.monotonic() + time_limit
    with (
        interrupt_flag() as interrupted,
        progress_bar("fit_many", N, show=progress) as report,
    ):
        while first < N:
            late = time.monotonic() >= deadline
            if parts and _anywhere(interrupted() or late):
                break
            parts.append(train(first))
            first = min(first + size, N)
            report(first, float(np.min(parts[-1].value)))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


def _anywhere(flag: bool) -> bool:
    """Whether the flag is up in any process: all have to stop at the same slice."""
    if jax.process_count() == 1:
        return flag
    return bool(np.any(multihost_utils.process_allgather(np.array(flag))))


def _to_host(fits: Fits) -> Fits:
    if jax.process_count() > 1:
        return multihost_utils.process_allgather(fits, tiled=True)
    return jax.device_get(fits)


def _sizes(
    N: int,
    mesh: Mesh,
    block_size: int,
    slice_size: int | None,
    *,
    bytes_per_network: int,
) -> tuple[int, int]:
    """Networks per slice and per block: whole blocks on each device."""
    most = slice_size or min(NETWORKS_PER_SLICE, BYTES_PER_SLICE // bytes_per_network)
    per_device = -(-min(N, max(most, 1)) // mesh.size)
    # Other processors than CPUs have no use for blocks, but for many lanes.
    is_cpu = mesh.devices.flat[0].platform == "cpu"
    block_size = min(block_size, per_device) if is_cpu else per_device
    return mesh.size * block_size * -(-per_device // block_size), block_size


def _check_memory(N: int, params: PyTree, records: int) -> None:
    """Raise unless the results fit in the host's memory; all else is streamed."""
    needed = N * (_bytes(params) + 4 * (4 + records))
    if hasattr(os, "sysconf"):
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        if needed > memory:
            raise ValueError(
                f"The results of {N:,} networks take {needed / 1e9:,.1f} GB, and the "
                f"memory is {memory / 1e9:,.1f} GB: train them in several calls, or "
                "record less often."
            )


def _bytes(tree: PyTree) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def _starts(network: Network, given: PyTree) -> tuple[PyTree, Callable]:
    """Return the starts as arrays on the host, and what makes parameters of them."""
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
        return np.asarray(keys), functools.partial(initialize, network.init, key_type)
    check_parameters("params_or_keys", given)
    return jax.tree.map(np.asarray, given), lambda params: params


def _data(
    network: Network, loss: Loss, params: PyTree, x: ArrayLike, y: ArrayLike, N: int
) -> tuple[Any, Any, list]:
    """Return x, y and, in a list, those of them that all networks share."""
    x, y = _on_host(x), _on_host(y)
    if x.ndim < 2:
        raise ValueError(f"x has shape {x.shape}; it must be [n, inputs].")
    x_is_own = x.ndim == 3
    _check_own("x", x, N, is_own=x_is_own)
    n = x.shape[1] if x_is_own else len(x)
    one_x = x[0] if x_is_own else x
    if network.architecture is not None:
        outputs = network.architecture.sizes[-1]
    else:
        outputs = jax.eval_shape(network.apply, params, one_x[0]).size if n else 1
    y_is_own = y.shape[:1] != (n,) or y.size != n * outputs
    _check_own("y", y, N, is_own=y_is_own)
    objective(network, loss, one_x, y[0] if y_is_own else y)  # for its errors
    return x, y, [d for d, own in ((x, x_is_own), (y, y_is_own)) if not own]


def _on_host(values: ArrayLike) -> np.ndarray:
    array = np.asarray(values)
    return array if array.dtype.kind in "fV" else array.astype(jnp.result_type(float))


def _check_own(name: str, value: Any, N: int, *, is_own: bool = True) -> None:
    if is_own and np.ndim(value) > 0 and len(value) != N:
        raise ValueError(
            f"{name} has shape {np.shape(value)}; its first axis must be of {N}, one "
            "for each network."
        )


def _check_rule(rule: optax.GradientTransformation, N: int) -> None:
    for leaf in jax.tree.leaves(rule, is_leaf=lambda node: isinstance(node, Recipe)):
        if isinstance(leaf, Recipe):
            for name, value in join(leaf.static, leaf.numbers).items():
                if isinstance(value, np.ndarray | jax.Array):
                    _check_own(name, value, N)


def _check_given(*, at_least: float, **limits: float | None) -> None:
    for name, limit in limits.items():
        if limit is not None:
            check_number(name, limit, at_least=at_least)
