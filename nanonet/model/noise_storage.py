"""What a model knows of its errors, as the tensors of its file."""

import numpy as np

from nanonet.model.intervals import Noise

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
    parts = {name: np.asarray(part, float) for name, part in noise._asdict().items()}
    parts[FACTOR] = parts[FACTOR][:, *np.tril_indices(n)]
    return {f"noise.{name}": part for name, part in parts.items()}


def unpack_noise(
    tensors: dict[str, np.ndarray], members: int, n: int, outputs: int
) -> Noise | None:
    """Undo `pack_noise`, for networks of n parameters; None of a file without.

    Raises:
      KeyError, TypeError: a part is missing, or is not what it should be.
    """
    if not any(name.startswith("noise.") for name in tensors):
        return None
    found = Noise(*(tensors[f"noise.{name}"] for name in Noise._fields))
    shapes = [(members, outputs), (members,), (members, n * (n + 1) // 2), (members, n)]
    factor = np.zeros((members, n, n))
    fits = [part.shape for part in found] == shapes and all(
        part.dtype == float and np.isfinite(part).all() for part in found
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
