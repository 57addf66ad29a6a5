"""Packages that only some of nanonet needs, imported where they are used."""

import importlib
from types import ModuleType


def require(module: str, *, extra: str) -> ModuleType:
    """Import ``module``, or say which extra of nanonet brings it.

    Raises:
      ModuleNotFoundError: its package is not installed.

    >>> require("json", extra="tables").dumps([1])
    '[1]'
    >>> require("no_such_package", extra="plot")
    Traceback (most recent call last):
    ModuleNotFoundError: no_such_package is not installed: pip install 'nanonet[plot]'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name != package:
            raise
        raise ModuleNotFoundError(
            f"{package} is not installed: pip install 'nanonet[{extra}]'", name=package
        ) from error
