"""Training many small networks at once, at the speed of the hardware."""

import math
import os
from typing import Any

import jax
import numpy as np
import optax
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree
from numpy.typing import ArrayLike

from nanonet._internal.checks import check_count, check_numbers, check_untraced
from nanonet._internal.deprecated import renamed
from nanonet._internal.static import partition
from nanonet.many.arguments import (
    check_hyperparameters,
    check_limits,
    check_own,
    read_bounds,
    read_data,
    read_starts,
)
from nanonet.many.blocks import Plan, block_size_for, on_safe_devices, train_slice
from nanonet.many.fits import Fits
from nanonet.many.one import End, Limits, Problem
from nanonet.network.network import Network
from nanonet.objectives.losses import Loss, usual_loss
from nanonet.solve.host import Progress, check_time_limit, drive
from nanonet.solve.minimize import check_rule
from nanonet.solve.step import Tolerances

# A slice, between two of which the host looks up, has no more networks or bytes.
NETWORKS_PER_SLICE = 2**16
BYTES_PER_SLICE = 2**28


@renamed(steps="max_steps")
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
    >>> from nanonet.objectives.losses import half_squared_error
    >>> from nanonet.rules.levenberg_marquardt import levenberg_marquardt
    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> keys = jax.random.split(jax.random.key(0), 100)
    >>> rule = levenberg_marquardt()
    >>> fits = fit_many(two_two_one(), x, y, keys, rule=rule, max_steps=50,
    ...                 loss=half_squared_error)
    >>> solved = np.mean(fits.value < 1e-3)
    >>> bool(0.5 < solved < 0.95), fits.best(3).value.shape
    (True, (3,))
    """
    check_rule(rule)
    max_steps = check_count("max_steps", max_steps)
    time_limit = check_time_limit(time_limit)
    sizes = dict(
        record_every=record_every, block_size=block_size, slice_size=slice_size
    )
    check_limits(gtol, goal, **sizes)
    mesh = Mesh(np.array(jax.devices()), ("networks",)) if mesh is None else mesh
    if len(mesh.axis_names) != 1:
        raise ValueError(
            f"mesh has the axes {mesh.axis_names}; it must have one, for the networks."
        )
    loss = usual_loss(network) if loss is None else loss
    check_untraced("fit_many", (params_or_keys, x, y, l2, rule))
    starts, start, drawn = read_starts(network, params_or_keys)
    N = len(jax.tree.leaves(starts)[0])
    params = jax.eval_shape(lambda one: _rows(start(one), 0), _rows(starts, np.s_[:1]))
    x, y, shared = read_data(network, loss, params, x, y, N)
    box, of_all = read_bounds(bounds, params, N)
    shared += of_all
    check_own("l2", l2, N)
    check_numbers("l2", l2, at_least=0)
    check_hyperparameters(rule, N)
    # An integer 0 is known while tracing, so that the penalty folds away.
    l2 = 0 if np.ndim(l2) == 0 and l2 == 0 else l2
    static, numbers = partition(Problem(network, loss, rule, x, y, l2, box, drawn))
    is_own = tuple(
        np.ndim(number) > 0 and not any(number is data for data in shared)
        for number in numbers
    )
    own = [np.asarray(n) for n, mine in zip(numbers, is_own, strict=True) if mine]
    everyones = [n for n, mine in zip(numbers, is_own, strict=True) if not mine]
    records = 0 if record_every is None else max_steps // record_every + 1
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
        np.asarray(max_steps, np.int32),
        np.asarray(record_every or 1, np.int32),
        Tolerances(
            gtol=-1.0 if gtol is None else float(gtol),
            goal=-math.inf if goal is None else float(goal),
        ),
    )

    def rows_from(first: int) -> tuple[PyTree, list]:
        return _rows((starts, own), np.minimum(np.arange(first, first + size), N - 1))

    def shapes() -> tuple:
        of_slice, own_of_slice = rows_from(0)
        return jax.eval_shape(start, of_slice), own_of_slice, everyones, limits

    plan = on_safe_devices(plan, shapes)
    along = NamedSharding(plan.mesh, PartitionSpec(mesh.axis_names[0]))

    def train(parts: list[Fits], _: int = 0) -> list[Fits]:
        first = _count(parts)
        mine_starts, mine_own = jax.device_put(rows_from(first), along)
        # Lanes are made by compilation; `jax.disable_jit` leaves them be.
        with jax.disable_jit(False):
            end = train_slice(plan, start(mine_starts), mine_own, everyones, limits)
        return [*parts, Fits(*_rows(_to_host(end), np.s_[: N - first]))]

    def look(parts: list[Fits]) -> Progress:
        done = _count(parts)
        return Progress(done, float(np.min(parts[-1].value)), done < N)

    parts, _ = drive(
        train,
        train([]) if resume is None else [resume],
        look,
        label="fit_many",
        total=N,
        longest=size,
        time_limit=time_limit,
        progress=progress,
        anywhere=_anywhere,
    )
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


def _rows(tree: PyTree, which: int | slice | np.ndarray) -> PyTree:
    return jax.tree.map(lambda leaf: leaf[which], tree)


def _count(parts: list[Fits]) -> int:
    return sum(len(part.value) for part in parts)


def _anywhere(flag: bool) -> bool:
    """Whether the flag is up in any process: all have to stop at the same slice."""
    if jax.process_count() == 1:
        return flag
    return bool(np.any(multihost_utils.process_allgather(np.array(flag))))


def _to_host(fits: End) -> End:
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
