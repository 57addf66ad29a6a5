"""What a model knows of its errors, as the tensors of its file."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from nanonet.model.conformal import Folds
from nanonet.model.intervals import Noise
from nanonet.network.layers import Layer, SkipLayer

#: Of L, which is lower triangular, the file has the rows of the triangle end to end.
FACTOR = "factor"


def pack_noise(noise: Noise) -> dict[str, np.ndarray]:
    """Each part under ``noise.`` and its name.

    >>> factor = np.array([[[2.0, 0.0], [1.0, 3.0]]])
    >>> noise = Noise(np.ones((1, 1)), np.ones(1), factor, np.ones((1, 2)))
    >>> pack_noise(noise)["noise.factor"]
    array([[2., 1., 3.]])
    """
    n = noise.factor.shape[1]
    known = {name: part for name, part in noise._asdict().items() if part is not None}
    parts = {name: np.asarray(part, float) for name, part in known.items()}
    parts[FACTOR] = parts[FACTOR][:, *np.tril_indices(n)]
    return {f"noise.{name}": part for name, part in parts.items()}


def unpack_noise(
    tensors: dict[str, np.ndarray], members: int, n: int, inputs: int, outputs: int
) -> Noise | None:
    """Undo `pack_noise`, for networks of n parameters; None of a file without.

    Raises:
      KeyError, TypeError: a part is missing, or is not what it should be.
    """
    if not any(name.startswith("noise.") for name in tensors):
        return None
    names = [name for name in Noise._fields if f"noise.{name}" in tensors]
    found = Noise(**{name: tensors[f"noise.{name}"] for name in names})
    shapes = [(members, outputs), (members,), (members, n * (n + 1) // 2), (members, n)]
    shapes += [(members, 2 * inputs + 3)] * (found.trend is not None)
    factor = np.zeros((members, n, n))
    given = [part for part in found if part is not None]
    fits = [part.shape for part in given] == shapes and all(
        part.dtype == float and np.isfinite(part).all() for part in given
    )
    if not fits:
        raise TypeError
    factor[:, *np.tril_indices(n)] = found.factor
    sound = (
        (found.deviation >= 0).all(),
        (found.freedom > 0).all(),
        (np.diagonal(factor, axis1=1, axis2=2) > 0).all(),
        np.isin(found.is_free, (0, 1)).all(),
    )
    if not all(sound):
        raise TypeError
    return found._replace(factor=factor)


def pack_folds(folds: Folds) -> dict[str, np.ndarray]:
    """Each part under ``folds.`` and its name, parameters by layer as the model's."""
    parts = folds._asdict()
    layers = enumerate(parts.pop("params"))
    parts |= {f"{i}.{at}": leaf for i, layer in layers for at, leaf in _named(layer)}
    return {f"folds.{name}": np.asarray(part) for name, part in parts.items()}


def unpack_folds(
    tensors: dict[str, np.ndarray],
    sizes: Sequence[int],
    scores: int,
    *,
    skip: bool,
) -> Folds | None:
    """Undo `pack_folds`, for networks of these sizes; None of a file without.

    Raises:
      KeyError, TypeError, ValueError: a part is missing, or is not what it should be.
    """
    if not any(name.startswith("folds.") for name in tensors):
        return None
    params = unpack_layers(tensors, "folds.", len(sizes) - 1, skip=skip)
    rest = [tensors[f"folds.{name}"] for name in Folds._fields[1:]]
    found = Folds(params, *rest)
    (k, starts), (n,) = found.share.shape, found.fold.shape
    wide = 1 if found.targets.shape[-1] == 1 else sizes[-1]  # of classes, 0 and 1 do
    shapes = [(k, starts), (k, 2, sizes[0]), (k, 2, wide), (n,), (n, scores)]
    for i, layer in enumerate(params):
        rows = {"w": (sizes[i],), "s": (sizes[0],), "b": ()}
        for at in layer._fields:
            rest.append(tensors[f"folds.{i}.{at}"])
            shapes.append((k, starts, *rows[at], sizes[i + 1]))
    sound = (
        [part.shape for part in rest] == shapes,
        all(part.dtype == float for part in rest if part is not found.fold),
        found.fold.dtype.kind == "i" and np.isin(found.fold, np.arange(k)).all(),
        all(np.isfinite(part).all() for part in rest[:3]),
        (found.inputs[:, 1] > 0).all() and (found.targets[:, 1] > 0).all(),
        (found.share >= 0).all() and np.allclose(found.share.sum(1), 1),
        (found.score >= 0).all(),
    )
    if not all(sound):
        raise TypeError
    return found


def unpack_layers(
    tensors: dict[str, np.ndarray], under: str, count: int, *, skip: bool
) -> tuple[Layer | SkipLayer, ...]:
    """The layers whose parts are under ``0.w``, ``0.b`` and so on."""
    kinds = [Layer] * (count - skip) + [SkipLayer] * skip
    return tuple(
        kind(*(jnp.asarray(tensors[f"{under}{i}.{at}"]) for at in kind._fields))
        for i, kind in enumerate(kinds)
    )


def _named(layer: Layer | SkipLayer) -> list[tuple[str, np.ndarray]]:
    return list(layer._asdict().items())
