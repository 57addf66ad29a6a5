"""A pytest plugin that puts nanonet's rules where optax keeps its own.

It also keeps, of tests that are repeated for each of optax's optimizers, only those for
the optimizers that nanonet has.
"""

import functools
import sys

import optax

import nanonet

RULES = {
    **{
        name: getattr(nanonet, name)
        for name in (
            *("sgd", "trace", "ema"),
            *("rmsprop", "scale_by_rms", "scale_by_stddev"),
            *("adam", "scale_by_adam", "adamw", "amsgrad", "adagrad"),
        )
    },
    "nadam": functools.partial(nanonet.adam, nesterov=True),
    "nadamw": functools.partial(nanonet.adamw, nesterov=True),
}


def replace_rules():
    modules = [
        module for name, module in sys.modules.items() if name.startswith("optax")
    ]
    for name, rule in RULES.items():
        original = getattr(optax, name)
        for module in modules:
            for key, value in list(vars(module).items()):
                if value is original:
                    setattr(module, key, rule)


def pytest_configure():
    """Not on import, which would leave all other tests without optax's own rules."""
    replace_rules()


def pytest_collection_modifyitems(config, items):
    def concerns_us(item):
        parameters = getattr(item.function, "__x_params_repr__", "")
        return "opt_name=" not in parameters or any(
            f"opt_name={name!r}" in parameters for name in (*RULES, "sgd_mom")
        )

    kept = [item for item in items if concerns_us(item)]
    dropped = [item for item in items if not concerns_us(item)]
    config.hook.pytest_deselected(items=dropped)
    items[:] = kept
