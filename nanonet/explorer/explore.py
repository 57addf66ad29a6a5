"""`explore`: a training run under your hands, in a notebook (extra ``notebooks``)."""

from typing import TYPE_CHECKING

from nanonet._internal.optional import require
from nanonet.explorer.session import LOGIC, Data
from nanonet.network.network import Network

if TYPE_CHECKING:
    from nanonet.explorer.panel import Explorer


def explore(network: Network | None = None, data: Data | None = None) -> "Explorer":
    """Step a training run to and fro, and see every number and picture of it move.

    Choose rule, form, the start and the data: the run begins anew. Move α, β, β₂ or ε,
    as far as the rule heeds them: it goes on with the new number. Step, step back, go
    some steps, play, or draw the history to any step so far; keep a run to see the next
    one beside it. The network, what it answers, J, the path through the plane of two
    parameters and the chain rule of an example follow; axes stay, or widen. Computes in
    float64. ``nanonet play`` writes much the same as a page that needs no notebook.

    Args:
      network: an `mlp` that `explain` can explain; by default `two_two_one`, whose
        hidden units, how many and of which activation, can then be chosen too.
      data: a dict of name → (x, y); by default XOR and other functions of two bits.

    Raises:
      ValueError: the network is too large to explain or to draw, the data do not fit.
      ModuleNotFoundError: ipywidgets is not installed (extra ``notebooks``).

    In a notebook it is shown; here it is pressed by a program.

    >>> explorer = explore()
    >>> explorer.buttons["step"].click()
    >>> print(explorer.session.result.steps, explorer.session.choice)
    1 gradient descent, α = 10
    """
    require("ipywidgets", extra="notebooks")
    from nanonet.explorer.panel import Explorer

    return Explorer(network, data or LOGIC)
