"""Files of any content are read, or refused with a documented error.

Set NANONET_FUZZ to try more of them, e.g. ``NANONET_FUZZ=50000 pytest
tests/table/test_fuzz.py`` for 100,000 in all.
"""

import dataclasses
import hashlib
import json

import jax
import numpy as np
import pytest
import safetensors
import safetensors.numpy
from helpers import FUZZ
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanonet.model.export.numpy_source import export_numpy
from nanonet.model.model import Model
from nanonet.model.storage import StorageError, load_model, save_model
from nanonet.network.layers import Layer
from nanonet.network.network import mlp
from nanonet.table.columns import Column, describe, standardize
from nanonet.table.encoding import encode, read_cells
from nanonet.table.read import TableError, read_table
from nanonet.table.transforms import TRANSFORMS

fuzz = settings(
    max_examples=FUZZ,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


pytestmark = pytest.mark.precision(
    "x32", reason="readers turn float64 on by themselves"
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "file"


cells = st.one_of(
    st.text(alphabet='ab1.e-"\n,; \t\0é', max_size=4),
    st.floats().map(str),
    st.sampled_from(
        ["NA", "inf", "1e999", "x", "2", "3", "1_0", "٣", "0x1p3", "1" * 400]
    ),
)
tables = st.one_of(
    st.binary(max_size=60),
    st.text(alphabet='ab12.,;\t"\r\n \u2028é', max_size=60).map(str.encode),
    st.text(max_size=40).map(lambda text: text.encode("utf8", "surrogatepass")),
    st.lists(st.lists(cells, min_size=1, max_size=4), max_size=6).map(
        lambda rows: "\n".join(",".join(row) for row in rows).encode()
    ),
)


@fuzz
@given(content=tables)
def test_any_bytes_are_a_table_or_a_table_error(path, content):
    path.write_bytes(content)
    try:
        frame = read_table(path)
        described = [describe(frame[name], categorical=False) for name in frame]
        encoded = encode(standardize(described, read_cells(described, frame)), frame)
    except TableError:
        return
    assert np.isfinite(encoded).all()


def make_model():
    """A small model of every kind of column."""
    network = mlp([3, 2, 2], "tanh", "softmax")
    layers = (
        Layer(np.arange(6.0).reshape(3, 2), np.ones(2)),
        Layer(np.eye(2), np.zeros(2)),
    )
    inputs = Column("length", None, 1.5, 0.25), Column("colour", ("blue", "red"))
    return Model(network, layers, inputs, (Column("kind", ("no", "yes")),))


def digest(text, tensors):
    sha256 = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        sha256.update(f"{name} {tensor.dtype} {tensor.shape}".encode())
        sha256.update(tensor.tobytes())
    return sha256.hexdigest()


@pytest.fixture(scope="module")
def sound(path):
    """The bytes of a model's file, its description, and its tensors."""
    save_model(path, make_model())
    with safetensors.safe_open(path, "numpy") as file:
        description = json.loads(file.metadata()["nanonet"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return path.read_bytes(), description, tensors


def load(path):
    """Load what may be no model; a model that is one can be saved and written out."""
    try:
        model = load_model(path)
    except StorageError:
        return
    for column in (*model.inputs, *model.targets):
        name, levels, mean, scale, missing, transform, rare = dataclasses.astuple(
            column
        )
        assert all(isinstance(text, str) for text in (name, *(levels or ())))
        assert np.isfinite([mean, scale]).all()
        assert missing in (True, False)
        assert rare is False or (rare is True and len(levels) > 1)
        assert transform in (None, *TRANSFORMS)
    assert {leaf.dtype.kind for leaf in jax.tree.leaves(model.params)} == {"f"}
    save_model(path, model)
    try:
        source = export_numpy(model)
    except ValueError as error:
        if "not finite" in str(error):
            return
        raise
    compile(source, "exported.py", "exec")


edits = st.lists(
    st.tuples(st.integers(0, 2**31), st.integers(0, 9), st.binary(max_size=8)),
    min_size=1,
    max_size=4,
)


@fuzz
@given(edits=edits)
def test_any_edit_of_a_model_file_is_a_model_or_a_storage_error(path, sound, edits):
    content = bytearray(sound[0])
    for place, cut, put in edits:
        start = place % (len(content) + 1)
        content[start : start + cut] = put
    path.write_bytes(content)
    load(path)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 5)
    | st.sampled_from(
        [10**400, -1, 2**63, 2**31, 1e308, -0.0, "tanh", "eval", "normal"]
    )
    | st.floats()
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
DTYPES = ["float64", "float32", "float16", "int8", "uint64", "bool", "complex64"]
arrays = st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(0, 3), max_size=3))


@st.composite
def forgeries(draw, description, tensors):
    """A description and tensors, some of which are others; their digest is right."""
    description, tensors = json.loads(json.dumps(description)), dict(tensors)
    for _ in range(draw(st.integers(1, 3))):
        place, key = None, None
        inside = description
        while isinstance(inside, dict | list) and inside:
            keys = (
                list(inside) if isinstance(inside, dict) else list(range(len(inside)))
            )
            place, key = inside, draw(st.sampled_from(keys))
            inside = place[key]
            if draw(st.integers(0, 3)) == 0:
                break
        action = draw(st.sampled_from(["replace", "remove", "tensor", "drop"]))
        if action == "replace" and place is not None:
            place[key] = draw(values)
        elif action == "remove" and place is not None:
            del place[key]
        elif action == "tensor":
            dtype, shape = draw(arrays)
            name = draw(st.sampled_from(["0.w", "0.b", "1.w", "2.b", "é"]))
            fill = draw(st.sampled_from([0.0, 1.0, np.inf, np.nan]))
            with np.errstate(invalid="ignore"):
                tensors[name] = np.full(shape, fill).astype(dtype)
        else:
            tensors.pop(draw(st.sampled_from(["0.w", "0.b", "1.w", "1.b"])), None)
    return description, tensors


@fuzz
@given(data=st.data())
def test_any_forged_description_is_a_model_or_a_storage_error(path, sound, data):
    description, tensors = data.draw(forgeries(*sound[1:]))
    text = json.dumps(description)
    metadata = {"nanonet": text, "sha256": digest(text, tensors)}
    path.write_bytes(safetensors.numpy.save(tensors, metadata))
    load(path)
