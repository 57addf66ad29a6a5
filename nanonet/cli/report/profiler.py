"""The prediction profiler, live in a page: the network's numbers, and a script."""

import base64
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

from nanonet.explorer.playground.assemble import scripts
from nanonet.fitting.fitted import Fit
from nanonet.fitting.profile import held_values, places_of, profiles_of, range_of
from nanonet.fitting.settings import count_parameters
from nanonet.model.committee import members_of
from nanonet.plot.style import looks
from nanonet.table.columns import scaling, told

#: Parameters of all networks together that a page may hold, and numbers that tell how
#: sure they are.
LARGEST, LARGEST_BANDS = 50_000, 300_000

#: The activations that the script knows.
KNOWN = {"sigmoid", "tanh", "relu", "softplus", "identity", "softmax"}

#: It computes with the playground's networks.
SCRIPT = "\n".join(
    [
        scripts(("algebra", "network")),
        *(
            (Path(__file__).parent / f"{name}.js").read_text("utf8")
            for name in ("predict", "profiler")
        ),
    ]
)

MARKUP = """\
<div id="profiler"></div>
<script type="application/json" id="model">{data}</script>
<noscript><p class="note">It moves where scripts may run.</p></noscript>
"""


def live(fit: Fit, level: float) -> str | None:
    """The part of the page that `SCRIPT` fills; None of a network it cannot compute."""
    architecture, target = fit.network.architecture, fit.targets[0]
    if architecture is None or len(fit.targets) > 1:
        return None
    sizes, hidden, output, _, skip = architecture
    count = count_parameters(fit.network) * max(len(fit.members), 1)
    if count > LARGEST or not {hidden, output} <= KNOWN or hidden == "softmax":
        return None
    _, params = members_of(*fit.committee)
    leaves = [np.asarray(leaf, float) for leaf in jax.tree.leaves(params)]
    members = np.concatenate([leaf.reshape(len(leaf), -1) for leaf in leaves], axis=1)
    (mean, *_), (unit, *_) = (of.tolist() for of in scaling(fit.targets))
    classes = None if fit.classes is None else [str(name) for name in fit.classes]
    data = {
        "sizes": [int(size) for size in sizes],
        "hidden": hidden,
        "output": output,
        "skip": skip,
        "members": [_packed(member, "<f8") for member in members],
        "inputs": _inputs(fit),
        "target": {
            "name": target.name,
            "mean": mean,
            "scale": unit,
            "log": target.transform == "log",
        },
        "classes": classes,
        "colors": [look.color for look in looks(classes or ["ŷ"]).values()],
        "level": level,
        "noise": _noise(fit, level),
    }
    written = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    return MARKUP.format(data=written)


def _inputs(fit: Fit) -> list[dict[str, Any]]:
    """What the script is to know of each column, those first that matter most."""
    columns, held = fit.inputs, held_values(fit, {})
    effects = [profile.effect for profile in profiles_of(fit, level=None)]
    listed = []
    for i, (column, place) in enumerate(zip(columns, places_of(columns), strict=True)):
        of: dict[str, Any] = {"name": column.name, "place": place.start}
        of |= {"held": held[i], "width": column.width}
        if column.levels is None:
            low, high = range_of(fit, place)
            cells = fit.examples.x[:, place.start]
            whole = not np.any(cells != np.round(cells), where=~np.isnan(cells))
            whole = bool(whole) and high - low >= 1
            of |= {"mean": column.mean, "scale": column.scale, "whole": whole}
            of |= {"low": low, "high": high, "missing": column.missing}
        else:
            of["levels"] = [told(level) for level in column.levels]
        listed.append(of)
    return [listed[i] for i in np.argsort(-np.array(effects), kind="stable")]


def _noise(fit: Fit, level: float) -> dict[str, Any] | None:
    """What the bands are made of, where it is known and not too much."""
    from scipy.special import stdtrit

    noise = fit.noise
    if noise is None or fit.classes is not None:
        return None
    factor = np.asarray(noise.factor)
    at, below = np.tril_indices(factor.shape[-1])
    lower = factor[:, at, below]
    if lower.size > LARGEST_BANDS:
        return None
    freedom = float(np.mean(noise.freedom))
    return {
        "deviation": np.asarray(noise.deviation)[:, 0].tolist(),
        "factors": [_packed(of, "<f4") for of in lower],
        "free": np.asarray(noise.is_free).astype(int).tolist(),
        "quantile": float(stdtrit(freedom, (1 + level) / 2)),
        "trend": None if noise.trend is None else np.asarray(noise.trend)[0].tolist(),
    }


def _packed(numbers: np.ndarray, dtype: str) -> str:
    return base64.b64encode(numbers.astype(dtype).tobytes()).decode()
