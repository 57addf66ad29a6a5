"""Many networks side by side: lanes in blocks, blocks on devices."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from jax import lax
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import PyTree

from nanonet._internal.static import combine, jit
from nanonet.many.one import LANES, End, Limits, train
from nanonet.xla import is_older_than

# What a block holds between two steps is to fit in the fastest cache beside what it
# computes on the way.
BYTES_PER_BLOCK = 2**14
FEWEST_LANES, MOST_LANES = 64, 128


class Plan(NamedTuple):
    """What a compilation depends on, besides shapes."""

    static: Any  # of `partition`, for the problem
    own: tuple[bool, ...]  # which of the problem's numbers are one network's own
    mesh: Mesh
    block_size: int
    records: int
    stops: bool


def block_size_for(rule: optax.GradientTransformation, params: PyTree) -> int:
    """How many networks with these parameters (of one) fit in the fastest cache."""
    state = jax.eval_shape(rule.init, params)
    leaves = jax.tree.leaves((params, params, state))  # and the gradient
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in leaves)
    lanes = MOST_LANES
    while lanes > FEWEST_LANES and lanes * size > BYTES_PER_BLOCK:
        lanes //= 2
    return lanes


def on_safe_devices(plan: Plan, arguments: Callable[[], tuple]) -> Plan:
    """The plan, on one device of each process where several would wait for ever.

    On CPUs jax older than 0.12 waits for its own threads in LAPACK's eigenvalues and
    singular values, and two devices that do so at once never get one. ``arguments`` are
    those of `train_slice` after the plan, or their shapes; made only where needed.
    """
    devices = plan.mesh.devices.flat
    first = {device.process_index: device for device in reversed(list(devices))}
    is_cpu = devices[0].platform == "cpu"
    if len(first) == len(devices) or not is_cpu or not is_older_than(0, 12):
        return plan
    program = str(train_slice.trace(plan, *arguments()).jaxpr)
    if "= eigh[" not in program and "= svd[" not in program:
        return plan
    alone = np.array([first[process] for process in sorted(first)])
    return plan._replace(mesh=Mesh(alone, plan.mesh.axis_names))


@jit
def initialize(init: Callable, key_type: str | None, keys: jax.Array) -> PyTree:
    """Where each key makes a network start."""

    def start(key: jax.Array) -> PyTree:
        return init(key=jax.random.wrap_key_data(key, impl=key_type))

    return jax.vmap(start)(keys)


# XLA's own choice is half of what AVX-512 has; 2-2-1 networks train 1.2 to 1.6 times
# faster with all of it. Other processors do not mind. LLVM's first level is as fast as
# its second on these programs, and compiles a third sooner.
@functools.partial(
    jit,
    compiler_options={
        "xla_cpu_prefer_vector_width": 512,
        "xla_backend_optimization_level": 1,
    },
)
def train_slice(
    plan: Plan, starts: PyTree, own: list, shared: list, limits: Limits
) -> End:
    """Train as many networks as the devices have blocks for."""
    along, everywhere = PartitionSpec(plan.mesh.axis_names[0]), PartitionSpec()
    return jax.shard_map(
        functools.partial(_train_on_device, plan),
        mesh=plan.mesh,
        in_specs=(along, along, everywhere, everywhere),
        out_specs=along,
        check_vma=False,
    )(starts, own, shared, limits)


def _train_on_device(
    plan: Plan, starts: PyTree, own: list, shared: list, limits: Limits
) -> End:
    # Here, because JAX's parts that it needs take long to import.
    from nanonet.scalarize.transform import scalarize

    @functools.partial(jax.vmap, axis_name=LANES)
    @scalarize
    def train_lane(start: PyTree, own: list) -> End:
        mine, everyones = iter(own), iter(shared)
        numbers = [next(mine if is_own else everyones) for is_own in plan.own]
        problem = combine(plan.static, numbers)
        return train(problem, start, limits, records=plan.records, stops=plan.stops)

    def in_blocks(leaf: jax.Array) -> jax.Array:
        return leaf.reshape(-1, plan.block_size, *leaf.shape[1:])

    def train_block(block: tuple[PyTree, list]) -> End:
        return train_lane(*block)

    fits = lax.map(train_block, jax.tree.map(in_blocks, (starts, own)))
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), fits)
