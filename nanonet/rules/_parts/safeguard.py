"""Rules that choose the length of their step themselves, unless told not to."""

from nanonet._internal.checks import check_number
from nanonet.rules._parts.rule import Number


def unguarded_rate(rule: str, learning_rate: Number | None, safeguard: bool) -> Number:
    """α of a rule without its safeguard, 1 by default.

    Raises:
      ValueError: α is not positive, or is given with the safeguard, which would not
        heed it.
    """
    if learning_rate is None:
        return 1.0
    if safeguard:
        raise ValueError(
            f"{rule} chooses the length of its step itself and takes no learning_rate: "
            f"leave it out, or pass safeguard=False too, for {rule} as in the notes."
        )
    check_number("learning_rate", learning_rate, above=0)
    return learning_rate
