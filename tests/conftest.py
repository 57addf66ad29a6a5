"""Every case of every test runs with float64 off and on, and with annotations checked.

In ``pytest -m "slow or not slow"``, that is. By default a few cases of each test run,
each in one of the precisions, by turns; the rest count as slow, and are `.ci/run`'s.
``@pytest.mark.one_case`` leaves a test one of them, where each compiles much; and
``@pytest.mark.precision("x64", reason="…")`` runs it in one precision, where the other
would say nothing new.
"""

import collections
import gc
import math
import os
import sys
from importlib.metadata import version
from pathlib import Path
from zlib import crc32

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Most of the time is compilation: workers, processes and later runs share it.
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / ".jax_cache")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
# And is three times as fast where XLA does not try to make programs fast. (.ci/run's
# second run does without; so does XLA_FLAGS="" python -m pytest.)
QUICK = "--xla_backend_optimization_level=0 --xla_cpu_parallel_codegen_split_count=1"
if version("jaxlib").startswith("0.10."):  # a flag that is unknown ends the process
    QUICK += " --xla_cpu_use_fusion_emitters=false"
os.environ.setdefault("XLA_FLAGS", QUICK)
# LAPACK's threads wait for each other where the tests themselves run side by side.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jax
import pytest
from jaxtyping import install_import_hook

jax.config.update("jax_numpy_rank_promotion", "raise")

MOST_MAPS = 25_000

# Of each test, by default.
CASES = 2


def pytest_configure(config):
    """Check annotations where all cases run: that is a third of all that is done."""
    if config.option.markexpr not in ("not slow", "slow"):
        rooms = Path(__file__).parents[1].glob("nanonet/*")
        install_import_hook(
            [f"nanonet.{room.stem}" for room in rooms], "typechecker.check"
        )


@pytest.fixture(autouse=True, params=[False, True], ids=["x32", "x64"])
def x64(request):
    """Whether float64 is on."""
    with jax.enable_x64(request.param):
        yield request.param


@pytest.fixture
def key():
    """A random key."""
    return jax.random.key(0)


def pytest_runtest_teardown(item, nextitem):
    """Let programs go before Linux has no more maps of memory for this process.

    A compiled program takes some ten of the 65,530; where there are no more, the next
    one crashes, or computes something else.
    """
    maps = Path("/proc/self/maps")
    if nextitem is None or item.path == nextitem.path or not maps.exists():
        return
    if maps.read_bytes().count(b"\n") > MOST_MAPS:
        jax.clear_caches()
        gc.collect()


def pytest_collection_finish():
    """Spare Python's collector what stays: the modules, and the tests themselves.

    And let it look for the rest seldom: traces make much that is no garbage.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.hookimpl(tryfirst=True)  # before -m looks at the marks
def pytest_collection_modifyitems(config, items):
    """Skip what only Linux has; leave out the precisions that say nothing new."""
    kept, dropped = [], []
    for item in items:
        if item.get_closest_marker("linux") and sys.platform != "linux":
            item.add_marker(pytest.mark.skip(reason="not on Linux"))
        marker = item.get_closest_marker("precision")
        elsewhere = marker and precision_of(item) not in (None, marker.args[0])
        (dropped if elsewhere else kept).append(item)
    config.hook.pytest_deselected(items=dropped)
    items[:] = kept
    of_test = collections.defaultdict(list)
    for item in items:
        of_test[item.nodeid.partition("[")[0]].append(item)
    for name, cases in of_test.items():
        mark_cases(name, cases)


def precision_of(item):
    """Of a case; None where a test has no cases."""
    callspec = getattr(item, "callspec", None)
    return callspec and ("x64" if callspec.params["x64"] else "x32")


def mark_cases(name, items):
    """As again in one of the precisions, by turns; as slow those and all but a few."""
    of_case = collections.defaultdict(dict)
    for item in items:
        ids = item.nodeid.removeprefix(name).strip("[]").split("-")
        case = tuple(part for part in ids if part != precision_of(item))
        of_case[case][precision_of(item)] = item
    cases = 1 if items[0].get_closest_marker("one_case") else CASES
    step = math.ceil(len(of_case) / cases)
    for i, of_precision in enumerate(of_case.values()):
        turn = i // step + i % step + crc32(name.encode())
        here = sorted(of_precision)[turn % len(of_precision)]
        for precision, item in of_precision.items():
            if precision != here:
                item.add_marker(pytest.mark.again)
            if i % step or precision != here:
                item.add_marker(pytest.mark.slow)
