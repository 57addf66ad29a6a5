"""How inputs and outputs are processed, put into columns and the layers beside them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from nanonet.model.matlab.parts import Process, Simulation
from nanonet.model.matlab.source import MatlabError


class Weights(NamedTuple):
    """z = a w + b."""

    w: Float[np.ndarray, "n_in n_out"]
    b: Float[np.ndarray, " n_out"]


class Processed(NamedTuple):
    """Mean and scale of each column, and the layer that reads or gives them all."""

    mean: Float[np.ndarray, " columns"]
    scale: Float[np.ndarray, " columns"]
    layer: Weights
    gaps: tuple[int, ...] = ()
    """Which of the columns are indicators of missing cells in the one before."""


def process_input(simulation: Simulation, layer: Weights, told: int) -> Processed:
    """The input columns, and a layer that reads them: z = (x - xoffset) · gain + ymin.

    ymin goes into the bias. ``told``: how many rows the file says that its input has.

    Raises:
      MatlabError: the settings do not fit.
    """
    rows, kept, gaps = len(layer.w), None, ()
    mean, scale, b = np.zeros(rows), np.ones(rows), layer.b
    for i, process in enumerate(simulation.inputs):
        if process.name == "removeconstantrows" and i == 0:
            kept = _keep(simulation, process, rows)
        elif process.name == "missingcells" and i == 0:
            gaps = _gaps(simulation, process, rows)
        elif i + 1 == len(simulation.inputs):
            mean, gain, start = _mapping(simulation, process, rows)
            scale, b = 1 / gain, layer.b + start @ layer.w
        else:
            raise _unusual(process)
    if gaps:
        _check_gaps(simulation, simulation.inputs[0], gaps, mean, scale)
    if kept is None:
        return Processed(mean, scale, Weights(layer.w, b), gaps)
    xrows = simulation.constants.get(f"{simulation.inputs[0].settings}.xrows")
    total = max(int(kept.max()) + 1, told, 0 if xrows is None else _count(xrows))
    w = _spread_out(layer.w.T, kept, total).T
    means, scales = np.zeros(total), np.ones(total)
    means[kept], scales[kept] = mean, scale
    return Processed(means, scales, Weights(w, b))


def process_output(simulation: Simulation, layer: Weights) -> Processed:
    """The target columns, and the last layer: y = (a - ymin) / gain + xoffset.

    Raises:
      MatlabError: the settings do not fit.
    """
    rows = len(layer.b)
    mean, scale = np.zeros(rows), np.ones(rows)
    *_, last = (None, *varying_outputs(simulation))
    for i, process in enumerate(varying_outputs(simulation)):
        if process.name != "removeconstantrows" and i == 0:
            offset, gain, start = _mapping(simulation, process, rows)
            mean, scale = offset - start / gain, 1 / gain
        elif process.name == "removeconstantrows" and process is last:
            if simulation.layers[-1].activation != "identity":
                raise MatlabError(
                    f"line {process.line}: constant outputs beside those of "
                    f"{simulation.layers[-1].activation} are not read."
                )
            return _with_constants(simulation, process, Processed(mean, scale, layer))
        else:
            raise _unusual(process)
    return Processed(mean, scale, layer)


def is_logarithm(simulation: Simulation) -> bool:
    """Whether the outputs are exponentials, of targets learnt by their logarithms."""
    return bool(simulation.outputs) and simulation.outputs[-1].name == "exp"


def varying_outputs(simulation: Simulation) -> tuple[Process, ...]:
    """What processes the outputs before that."""
    return simulation.outputs[: -1 if is_logarithm(simulation) else None]


def _gaps(simulation: Simulation, process: Process, rows: int) -> tuple[int, ...]:
    """The rows, counted from 0, that say where the one before is missing."""
    indicators = _setting(simulation, process, "indicators").ravel() - 1
    taken = np.setdiff1d(np.arange(rows), indicators)
    found = np.searchsorted(taken, np.arange(rows), side="right")
    told = _setting(simulation, process, "rows").ravel()
    alone = np.isin(indicators, np.arange(1, rows)) & (
        np.diff(indicators, prepend=-1) > 1
    )
    if not np.all(alone) or not np.array_equal(told, found):
        raise _unusual(process)
    return tuple(indicators.astype(int).tolist())


def _check_gaps(
    simulation: Simulation,
    process: Process,
    gaps: tuple[int, ...],
    mean: np.ndarray,
    scale: np.ndarray,
) -> None:
    """What stands for missing cells is the mean; indicators stay as they are."""
    indicators = np.array(gaps)
    filled = _setting(simulation, process, "means").ravel()
    as_they_are = np.all(mean[indicators] == 0) and np.all(scale[indicators] == 1)
    if not as_they_are or not np.array_equal(filled, mean[indicators - 1]):
        raise _unusual(process)


def _with_constants(
    simulation: Simulation, process: Process, varying: Processed
) -> Processed:
    """Outputs that were the same for all of MATLAB's rows, as units without weights."""
    mean, scale, layer, _ = varying
    kept = _keep(simulation, process, len(mean))
    total = _count(_setting(simulation, process, "xrows"))
    removed = np.setdiff1d(np.arange(total), kept)
    constants = _setting(simulation, process, "constants").ravel()
    told = _setting(simulation, process, "remove").ravel() - 1
    if (
        kept.max() >= total
        or not np.array_equal(told, removed)
        or len(constants) != len(removed)
    ):
        raise _unusual(process)
    means, scales = np.zeros(total), np.ones(total)
    means[kept], scales[kept], means[removed] = mean, scale, constants
    w = _spread_out(layer.w, kept, total)
    b = _spread_out(layer.b[None], kept, total)[0]
    return Processed(means, scales, Weights(w, b))


def _spread_out(
    w: Float[np.ndarray, "rows kept"], kept: np.ndarray, total: int
) -> Float[np.ndarray, "rows total"]:
    wide = np.zeros((len(w), total))
    wide[:, kept] = w
    return wide


def _setting(simulation: Simulation, process: Process, field: str) -> np.ndarray:
    name = f"{process.settings}.{field}"
    if name not in simulation.constants:
        raise MatlabError(f"line {process.line}: {name} was never set.")
    return simulation.constants[name]


def _mapping(
    simulation: Simulation, process: Process, rows: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """xoffset, gain, and ymin or ymean, of each row."""
    if process.name == "removeconstantrows":
        raise _unusual(process)
    found = []
    for field in (
        "xoffset",
        "gain",
        "ymin" if process.name == "mapminmax" else "ymean",
    ):
        values = _setting(simulation, process, field)
        if values.shape not in ((rows, 1), (1, 1)):
            raise MatlabError(
                f"line {process.line}: {process.settings}.{field} is "
                f"{values.shape[0]}x{values.shape[1]}, but there are {rows} rows."
            )
        found.append(np.broadcast_to(values[:, 0], (rows,)))
    offset, gain, start = found
    with np.errstate(over="ignore", divide="ignore"):
        fits = np.all(gain > 0) and np.all(np.isfinite([1 / gain, start / gain]))
    if not fits:
        raise MatlabError(
            f"line {process.line}: {process.settings}.gain must be positive, and not "
            "so small that it overflows."
        )
    return offset, gain, start


def _keep(simulation: Simulation, process: Process, rows: int) -> np.ndarray:
    """The rows that are kept, counted from 0."""
    keep = _setting(simulation, process, "keep").ravel()
    whole = np.all((keep == np.round(keep)) & (keep >= 1) & (keep < 1e6))
    if len(keep) != rows or len(np.unique(keep)) != rows or not whole:
        raise MatlabError(
            f"line {process.line}: {process.settings}.keep must name {rows} "
            "different rows."
        )
    return keep.astype(int) - 1


def _count(value: np.ndarray) -> int:
    if value.shape != (1, 1) or not 0 < value[0, 0] < 1e6 or value[0, 0] % 1:
        raise MatlabError("xrows must be a whole number.")
    return int(value[0, 0])


def _unusual(process: Process) -> MatlabError:
    return MatlabError(
        f"line {process.line}: {process.name} stands where genFunction does not put "
        "it, or its settings do not fit."
    )
