"""A command that is ended at any moment leaves whole files, and no traceback.

Set NANONET_FUZZ to end more of them, e.g. ``NANONET_FUZZ=5000 pytest
tests/cli/test_fuzz.py`` for 100.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import FUZZ

import nanonet
from nanonet.table.columns import Column

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
COMMAND = ["fit", "iris", "--target", "species", "--starts", "1", "--max-steps", "50"]

pytestmark = [
    pytest.mark.precision("x32", reason="the command turns float64 on by itself"),
    pytest.mark.linux,
]


@pytest.mark.slow
def test_a_command_ended_at_any_moment_leaves_whole_files(tmp_path, key):
    network = nanonet.mlp([1, 1])
    old = nanonet.Model(
        network,
        network.init(key=key),
        (Column("x"),),
        (Column("y"),),
    )
    nanonet.save_model(tmp_path / "iris.nanonet", old)
    rng = np.random.default_rng(FUZZ)
    root = Path(nanonet.__file__).parents[1]
    for _ in range(FUZZ // 50):
        moment, number = rng.uniform(0.2, 3.5), SIGNALS[rng.integers(len(SIGNALS))]
        with subprocess.Popen(
            [sys.executable, "-m", "nanonet", *COMMAND],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(root)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            time.sleep(moment)
            process.send_signal(number)
            error = process.stderr.read()
        told = f"signal {number} after {moment:.2f} s: {process.returncode}, {error}"
        assert process.returncode in (0, 130, -number), told
        # Python's own first moments are not nanonet's.
        assert b"Traceback" not in error or b"nanonet" not in error, told
        nanonet.load_model(tmp_path / "iris.nanonet")
        picture = tmp_path / "iris-loss.png"
        assert not picture.exists() or b"IEND" in picture.read_bytes()[-12:], told
