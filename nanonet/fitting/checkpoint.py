"""A run on the disk, written whole or not at all, to go on to the same numbers."""

import dataclasses
import enum
import functools
import hashlib
import importlib
import json
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import PyTreeDef
from jaxtyping import PyTree

from nanonet._internal.files import write_whole
from nanonet._internal.optional import require
from nanonet.fitting.batch import Batch
from nanonet.fitting.settings import Plan

State = TypeVar("State")

PLAIN = (bool, int, float, complex, str, bytes, type(None), enum.Enum, np.dtype, type)


class CheckpointError(ValueError):
    """The file is no checkpoint, or that of another run."""


def identify(batch: Batch, plan: Plan, params: list[PyTree]) -> str:
    """Name a run by all that its numbers follow from; not by when it ends.

    Raises:
      ValueError: a part, such as the loss, cannot be told from another.
    """
    network = batch.learner.network
    known = network.architecture or (network.init, network.apply)
    parts = plan._replace(max_steps=0)
    numbers = jax.tree.leaves((params, batch.learner.box))
    return fingerprint(known, parts, batch.folds, numbers)


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
    if not Path(path).is_file():
        raise CheckpointError(f"{path} is no regular file, and no checkpoint.")
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


def fingerprint(*values: Any) -> str:
    """A digest of what the values are.

    Arrays count by their bytes; functions by their name, code, defaults and what they
    close over; a rule of nanonet by its constructor and arguments.

    Raises:
      ValueError: a value has nothing by which it can be told from another.

    >>> fingerprint(1, "a") == fingerprint(1, "b")
    False
    >>> f, g = (lambda x, n=n: x**n for n in (2, 3))
    >>> fingerprint(f) == fingerprint(g)
    False
    """
    sha256 = hashlib.sha256()
    for part in _parts(values, ()):
        sha256.update(part + b"\0")
    return sha256.hexdigest()


def _parts(value: Any, within: tuple[int, ...]) -> Iterator[bytes]:
    """All that makes the value what it is, ``within`` those that hold it."""
    yield type(value).__qualname__.encode()
    if id(value) in within and not isinstance(value, PLAIN):
        return  # a function that closes over itself
    inner = (*within, id(value))
    if isinstance(value, PLAIN):
        yield repr(value).encode()
    elif isinstance(value, np.ndarray | np.generic | jax.Array):
        array = np.asarray(value)
        yield f"{array.dtype} {array.shape}".encode()
        yield array.tobytes()
    elif isinstance(value, PyTreeDef):
        yield str(value).encode()
    else:
        for item in _items(value):
            yield from _parts(item, inner)


def _items(value: Any) -> list[Any]:
    """What the value consists of."""
    if isinstance(value, tuple | list):
        return list(value)
    if isinstance(value, dict):
        return [item for pair in value.items() for item in pair]
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    if isinstance(value, functools.partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, types.CodeType):
        return [value.co_code, value.co_consts, value.co_names, value.co_varnames]
    if isinstance(value, types.MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, types.FunctionType):
        name = [value.__module__, value.__qualname__]
        code = [value.__code__, value.__defaults__, value.__kwdefaults__]
        if _is_known_by_name(value):  # what it closes over is its module's
            return [*name, *code]
        return [*name, *code, *(cell.cell_contents for cell in value.__closure__ or ())]
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return [getattr(value, field.name) for field in fields]
    if _is_known_by_name(value):
        return [value.__module__, value.__qualname__]
    if hasattr(value, "__wrapped__"):  # jitted, say
        return [value.__wrapped__]
    if callable(value) and hasattr(value, "__dict__"):
        return [type(value).__module__, type(value).__call__, vars(value)]
    raise ValueError(
        f"checkpoint: {value!r} cannot be told from another {type(value).__name__}, so "
        "that a run with it cannot be known again; leave checkpoint out."
    )


def _is_known_by_name(value: Any) -> bool:
    """Whether the value can be imported by its own name."""
    try:
        found: Any = importlib.import_module(value.__module__)
        for name in value.__qualname__.split("."):
            found = getattr(found, name)
    except (AttributeError, ImportError, TypeError, ValueError):
        return False
    return found is value
