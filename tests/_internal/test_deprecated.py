"""Old names: they work, they warn at the user's line, and help() shows the new ones."""

import importlib.util
import inspect
import typing
import warnings

import pytest

import nanonet
from nanonet._internal import deprecated
from nanonet._internal.deprecated import renamed


@renamed(steps="max_steps", seed=("key", lambda seed: [seed]), block=None)
def train(data: str, max_steps: int = 5, *, key: object = None) -> tuple:
    """Train."""
    return data, max_steps, key


@pytest.mark.parametrize(
    ("arguments", "new"),
    [({"steps": 3}, "max_steps"), ({"steps": 3, "max_steps": 3}, None)],
)
def test_renamed_argument(arguments, new):
    if new is None:
        with pytest.raises(TypeError, match="max_steps is given twice"):
            train("x", **arguments)
    else:
        with pytest.warns(DeprecationWarning, match="train: write max_steps=… for st"):
            assert train("x", **arguments) == ("x", 3, None)


def test_an_argument_that_is_gone_is_left_out():
    with pytest.warns(DeprecationWarning, match="train: leave out block=…"):
        assert train("x", block=3) == ("x", 5, None)


def test_renamed_argument_given_by_place_and_by_its_old_name():
    with (
        pytest.warns(DeprecationWarning, match="max_steps"),
        pytest.raises(TypeError, match="multiple values"),
    ):
        train("x", 4, steps=3)


def test_renamed_argument_that_is_converted():
    with pytest.warns(DeprecationWarning, match="key"):
        assert train("x", seed=7) == ("x", 5, [7])


def test_renamed_keeps_new_names_silent_and_the_signature():
    with warnings.catch_warnings(action="error"):
        assert train("x", max_steps=2, key=1) == ("x", 2, 1)
    assert list(inspect.signature(train).parameters) == ["data", "max_steps", "key"]
    assert typing.get_type_hints(train)["max_steps"] is int
    assert train.__doc__ == "Train."


@pytest.mark.parametrize("old", deprecated.OLD_NAMES)
def test_old_public_names(old):
    new = deprecated.OLD_NAMES[old]
    with pytest.warns(DeprecationWarning, match=f"nanonet.{old} is now .*{new}"):
        assert getattr(nanonet, old) is getattr(nanonet, new)
    assert new in nanonet.__all__
    assert old not in nanonet.__all__
    with pytest.warns(DeprecationWarning, match=new):
        exec(f"from nanonet import {old}", {})


def test_names_that_never_were():
    with pytest.raises(AttributeError, match="module 'nanonet' has no attribute 'nam"):
        nanonet.nameless  # noqa: B018
    assert not hasattr(nanonet, "nameless")


def test_old_names_warn_at_the_line_that_uses_them():
    # Loaded again, without the frames that the checks of annotations put between.
    spec = importlib.util.spec_from_file_location("plain", deprecated.__file__)
    plain = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plain)

    def user(name):
        return plain.new_name(name)

    with warnings.catch_warnings(record=True, action="always") as caught:
        plain.renamed(steps="max_steps")(train)("x", steps=3)
        user("squared_error")
    here = inspect.currentframe().f_lineno
    assert [(at.filename, at.lineno) for at in caught] == [
        (__file__, here - 2),
        (__file__, here - 1),
    ]
