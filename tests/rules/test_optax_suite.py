"""Optax's own test files, with nanonet's rules in the place of optax's.

They ship inside optax's wheel and run in one process of their own, which begins by
putting nanonet's rules into optax's modules (see nanonet_in_optax.py). Left out:

- files about what only wraps a rule; test_places.py does that.
- state_utils_test.py: it takes apart ``ScaleByAdamState(count, mu, nu)`` by name; our
  state has weights beside them. Its functions are used in test_places.py.
- what follows in NOT_APPLICABLE.
"""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import with_devices

pytestmark = pytest.mark.slow

FILES = [
    "_src/alias_test.py",
    "_src/sharding_test.py",
    "_src/transform_test.py",
    "contrib/_complex_valued_test.py",
    "schedules/_inject_test.py",
    "transforms/_combining_test.py",
    "transforms/_conditionality_test.py",
    "transforms/_masking_test.py",
]

NOT_APPLICABLE = {
    "LBFGSTest": "not one of these rules",
    "mixed_precision": "a minute of eager steps; test_places.py has it in a scan",
    "gradient_accumulation": "seconds of eager steps, likewise",
    "lion": "not one of these rules",
    "optimistic": "not one of these rules",
    "centralize": "not one of these rules",
    "apply_every": "not one of these rules",
    "(ExtraArgsTest and test_extra_args and not chaining and not positional)": (
        "trains integers alone"
    ),
    "bad_structure": "fails in optax itself",
}


@pytest.mark.slow
@pytest.mark.precision("x32", reason="optax's tests set it themselves")
def test_optax_s_own_tests_pass_with_our_rules(tmp_path):
    spec = importlib.util.find_spec("optax")
    assert spec is not None
    assert spec.origin is not None
    optax = Path(spec.origin).parent
    here = Path(__file__).parents[1]
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-x", "--no-header"),
            *("-p", "no:cacheprovider", "-p", "nanonet_in_optax"),
            *("-c", os.devnull, "--rootdir", str(tmp_path), "--noconftest"),
            *("-k", " and ".join(f"not {name}" for name in NOT_APPLICABLE)),
            *(str(optax / name) for name in FILES),
        ],
        env=with_devices(8)
        | {"PYTHONPATH": os.pathsep.join([str(here), str(here.parent)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]
    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed is not None
    assert int(passed[1]) > 250  # it did find them
