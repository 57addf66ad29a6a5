"""Where a rule for least squares gets its residuals from."""

from typing import Any

from nanonet.objectives.derivatives import ResidualFunction


def needed_residuals(
    rule: str, residual_fn: ResidualFunction | None, value_fn: Any
) -> ResidualFunction:
    """``residual_fn``, or the residuals that J knows; else `ValueError`.

    They are not asked of the loop, because optax's line searches refuse any argument
    that J does not take.
    """
    if residual_fn is None:
        residual_fn = getattr(value_fn, "residuals", None)
    if residual_fn is None:
        raise ValueError(
            f"{rule} needs the residuals r with J = ½‖r‖²: use "
            f"least_squares(residuals, ..., rule={rule}()), minimize an objective of "
            "half_squared_error or mean_squared_error, or call "
            "update(gradient, state, params, residual_fn=r)."
        )
    return residual_fn
