"""A run on the disk, written whole or not at all, to go on to the same numbers."""

import json
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from nanonet._internal.files import write_whole
from nanonet._internal.optional import require
from nanonet.fitting.defaults import Plan
from nanonet.fitting.identity import fingerprint
from nanonet.network.network import Network

State = TypeVar("State")


class CheckpointError(ValueError):
    """The file is no checkpoint, or that of another run."""


def identify(network: Network, plan: Plan, folds: Any, params: PyTree) -> str:
    """Name a run by all that its numbers follow from; not by when it ends.

    Raises:
      ValueError: a part, such as the loss, cannot be told from another.
    """
    parts = plan._replace(max_steps=0, time_limit=None)
    known = network.architecture or (network.init, network.apply)
    return fingerprint(known, parts, folds, jax.tree.leaves(params))


def write_checkpoint(path: str | Path, identity: str, state: Any) -> None:
    """Write a tree of arrays and numbers.

    Raises:
      OSError: the file cannot be written; the message names it.
      ModuleNotFoundError: safetensors is not installed (extra ``tables``).
    """
    safetensors = require("safetensors.numpy", extra="tables")
    tensors = {
        f"{i}": np.asarray(leaf, order="C")
        for i, leaf in enumerate(jax.tree.leaves(state))
    }
    digest = fingerprint(*tensors.values())
    metadata = {"checkpoint": json.dumps({"run": identity, "sha256": digest})}
    write_whole(path, safetensors.save(tensors, metadata))


def read_checkpoint(path: str | Path, identity: str, like: State) -> State:
    """Read a tree like ``like``, whose leaves may differ in their first axis.

    Raises:
      CheckpointError: the file is cut short or altered, no checkpoint, or that of a run
        with other data or other arguments.
    """
    safetensors = require("safetensors", extra="tables")
    leaves, treedef = jax.tree.flatten(like)
    try:
        with safetensors.safe_open(str(path), "numpy") as file:
            metadata = json.loads((file.metadata() or {})["checkpoint"])
            tensors = [file.get_tensor(f"{i}") for i in range(len(file.keys()))]
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"{path} is no checkpoint of nanonet, or is cut short; delete it to start "
            "anew."
        ) from error
    if fingerprint(*tensors) != metadata["sha256"]:
        raise CheckpointError(f"{path} was altered or damaged after it was written.")
    if metadata["run"] != identity:
        raise CheckpointError(
            f"{path} is the checkpoint of another run: the data, the network, the key "
            "or an argument differs. Delete it, or name another file."
        )
    return jax.tree.unflatten(
        treedef, [_as(old, new) for old, new in zip(leaves, tensors, strict=True)]
    )


def _as(like: Any, leaf: np.ndarray) -> Any:
    if isinstance(like, jax.Array):
        return jnp.asarray(leaf)
    return leaf if isinstance(like, np.ndarray) else type(like)(leaf)
