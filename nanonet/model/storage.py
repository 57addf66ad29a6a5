"""A model in one file: its numbers as safetensors, all else as JSON beside them.

Nothing in the file is ever run. A digest over all of its content tells an altered file
from a sound one.
"""

import dataclasses
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nanonet._internal.checks import check_finite, check_match
from nanonet._internal.files import write_whole
from nanonet._internal.optional import require
from nanonet._internal.version import version_of
from nanonet.model.committee import Committee, committee
from nanonet.model.error_storage import (
    pack_folds,
    pack_noise,
    unpack_folds,
    unpack_layers,
    unpack_noise,
)
from nanonet.model.model import Model, named_activations
from nanonet.network.network import Architecture, mlp
from nanonet.objectives.losses import ROBUST
from nanonet.table.columns import Column
from nanonet.table.transforms import TRANSFORMS

#: What the file holds, and how; raised whenever an older nanonet could not read it:
#: 2 holds several targets, 3 a committee, 4 numbers that may be missing,
#: and targets whose logarithm is learnt, 5 weights that skip the hidden units, 6 rare
#: levels as one, 7 noise that depends on the inputs. What an older nanonet predicts as
#: well without, such as the name of a robust loss, raises nothing.
FORMAT = 7


class StorageError(ValueError):
    """The file is not a model that this version of nanonet can read."""


def save_model(path: str | Path, model: Model) -> None:
    """Write a model to a file, whole or not at all.

    Raises:
      ValueError: as `nanonet.model.model.named_activations`.
      OSError: the file cannot be written; the message names it.
      ModuleNotFoundError: safetensors is not installed (extra ``tables``).
    """
    safetensors = require("safetensors.numpy", extra="tables")
    description = json.dumps(_describe(model), allow_nan=False)
    tensors = {
        f"{i}.{name}": np.asarray(leaf)
        for i, layer in enumerate(model.params)
        for name, leaf in layer._asdict().items()
    }
    if model.noise is not None:
        tensors |= pack_noise(model.noise)
    if model.folds is not None:
        tensors |= pack_folds(model.folds)
    # safetensors writes an array as it lies in memory.
    tensors = {name: np.ascontiguousarray(each) for name, each in tensors.items()}
    metadata = {"nanonet": description, "sha256": _digest(description, tensors)}
    write_whole(path, safetensors.save(tensors, metadata))


def load_model(path: str | Path) -> Model:
    """Read a model that `save_model` wrote.

    Raises:
      StorageError: the file is cut short, altered, of a newer nanonet, or something
        else altogether.
      OSError: the file cannot be read.
      ModuleNotFoundError: safetensors is not installed (extra ``tables``).
    """
    description, tensors = _read(Path(path))
    try:
        content = json.loads(description)
        if content["format"] > FORMAT:
            writer = content["versions"]["nanonet"]
            problem = f"{path} was written by a newer nanonet ({writer}); upgrade."
            raise StorageError(problem)
        with jax.enable_x64(True):
            return _rebuild(content, tensors)
    except StorageError:
        raise
    except Exception as error:  # whatever a forged description leads to
        raise StorageError(f"{path} does not describe a model of nanonet.") from error


def _describe(model: Model) -> dict[str, Any]:
    """All of the model but its parameters, as JSON has it."""
    named_activations(model, "saved")
    assert model.network.architecture is not None
    target, *further = map(_as_json, model.targets)
    network, architecture = model.network, model.network.architecture
    members = {"members": network.size} if isinstance(network, Committee) else {}
    columns = (*model.inputs, *model.targets)
    rare = any(column.rare for column in columns)
    trend = model.noise is not None and model.noise.trend is not None
    further_kinds = any(column.missing or column.transform for column in columns)
    return {
        # A file can be read by all nanonets that know of what it holds.
        "format": _format(
            trend, rare, architecture.skip, further_kinds, members, further
        ),
        "versions": {name: version_of(name) for name in ("nanonet", "jax", "numpy")},
        "network": _without_default(architecture),
        "inputs": [_as_json(column) for column in model.inputs],
        "target": target,
        **({"further": further} if further else {}),
        **members,
        **({"robust_loss": model.robust_loss} if model.robust_loss else {}),
    }


def _format(*needed: Any) -> int:
    """The lowest that holds what is needed, which is listed from 7 down to 2."""
    return next((7 - i for i, of in enumerate(needed) if of), 1)


def _without_default(architecture: Architecture) -> dict[str, Any]:
    """Without what earlier nanonets do not know, where there is no skip."""
    content = architecture._asdict()
    if not architecture.skip:
        del content["skip"]
    return content


def _rebuild(content: dict[str, Any], tensors: dict[str, np.ndarray]) -> Model:
    """Undo `_describe`; raises a TypeError or the like where it does not fit."""
    sizes, hidden, output, init, skip = Architecture(**content["network"])
    inputs = tuple(_column(**column) for column in content["inputs"])
    targets = tuple(
        _column(**column) for column in [content["target"], *content.get("further", [])]
    )
    params = unpack_layers(tensors, "", len(sizes) - 1, skip=skip)
    network = mlp(sizes, hidden, output, init=init, skip=skip)
    size = content.get("members", 1)
    if "members" in content:
        network = committee(network, size)
    expected = jax.eval_shape(lambda: network.init(jax.random.key(0)))
    check_match("params", params, "the network's", expected)
    check_finite("params", params)
    robust_loss = content.get("robust_loss")
    n_in, n_out = (sum(c.width for c in columns) for columns in (inputs, targets))
    fits = (
        (n_in, n_out) == (sizes[0], sizes[-1]),
        len(targets) == 1 or all(column.levels is None for column in targets),
        not any(column.missing or column.rare for column in targets),
        not any(column.transform for column in inputs),
        robust_loss is None
        or (robust_loss in ROBUST and len(targets) == 1 and not targets[0].levels),
        all(jnp.issubdtype(x.dtype, jnp.floating) for x in jax.tree.leaves(params)),
    )
    if not all(fits):
        raise TypeError
    n = sum(leaf.size for leaf in jax.tree.leaves(params)) // size
    noise = unpack_noise(tensors, size, n, n_in, n_out)
    scores = 1 if targets[0].levels else n_out
    folds = unpack_folds(tensors, sizes, scores, skip=skip)
    return Model(network, params, inputs, targets, noise, folds, robust_loss)


def _as_json(column: Column) -> dict[str, Any]:
    """Without what earlier nanonets do not know, where it says nothing."""
    described = dataclasses.asdict(column)
    for name in ("missing", "transform", "rare"):
        if not described[name]:
            del described[name]
    return described


def _column(
    name: str,
    levels: list[str] | None,
    mean: float,
    scale: float,
    missing: bool = False,
    transform: str | None = None,
    rare: bool = False,
) -> Column:
    texts = (name, *(levels or ()))
    fits = (
        math.isfinite(mean) and 0 < scale < math.inf,
        len(set(texts[1:])) == len(texts[1:]),
        all(isinstance(text, str) for text in texts),
        isinstance(missing, bool) and not (missing and levels),
        isinstance(rare, bool) and (len(levels or ()) > 1 or not rare),
        transform is None or (transform in TRANSFORMS and levels is None),
    )
    if not all(fits):
        raise TypeError
    levels_ = None if levels is None else tuple(levels)
    return Column(name, levels_, mean, scale, missing, transform, rare)


def _read(path: Path) -> tuple[str, dict[str, np.ndarray]]:
    """The description and the tensors, once their digest is found to be right."""
    safetensors = require("safetensors", extra="tables")
    with path.open("rb"):  # for Python's own error where there is no such file
        if not path.is_file():
            raise StorageError(f"{path} is no regular file, and no model.")
    try:
        with safetensors.safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    # AttributeError: numbers of a kind that NumPy does not have, such as float8.
    except (safetensors.SafetensorError, AttributeError) as error:
        raise StorageError(f"{path} is cut short, altered, or no model.") from error
    if not {"nanonet", "sha256"} <= metadata.keys():
        raise StorageError(f"{path} was not written by nanonet.")
    if _digest(metadata["nanonet"], tensors) != metadata["sha256"]:
        raise StorageError(f"{path} was altered or damaged after it was written.")
    return metadata["nanonet"], tensors


def _digest(description: str, tensors: dict[str, np.ndarray]) -> str:
    sha256 = hashlib.sha256(description.encode())
    for name, tensor in sorted(tensors.items()):
        sha256.update(f"{name} {tensor.dtype} {tensor.shape}".encode())
        sha256.update(tensor.tobytes())
    return sha256.hexdigest()
