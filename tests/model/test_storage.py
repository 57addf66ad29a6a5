import dataclasses
import hashlib
import json
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest
import safetensors
import safetensors.numpy
import scipy.stats

from nanonet.model.committee import committee
from nanonet.model.intervals import Noise
from nanonet.model.model import Model, check_model, predict
from nanonet.model.storage import StorageError, load_model, save_model
from nanonet.model.uncertainty import predict_interval
from nanonet.network.network import Network, mlp, two_two_one
from nanonet.table.columns import Column

INPUTS = (Column("length", None, 1.5, 0.25), Column("colour", ("blue", "red")))
TABLE = pd.DataFrame({"colour": ["red", "blue"], "length": ["1", "2.5"]})


PRICE = Column("price", None, 100.0, 3.0)


def make_model(target=PRICE):
    with jax.enable_x64(True):
        network = mlp([3, 2, target.width], "tanh", "identity")
        params = network.init(key=jax.random.key(1))
    return Model(network, params, INPUTS, (target,))


def test_a_loaded_model_is_the_saved_one(tmp_path):
    model = make_model()
    save_model(tmp_path / "m.nanonet", model)
    loaded = load_model(tmp_path / "m.nanonet")
    assert loaded.network is model.network
    assert (loaded.inputs, loaded.targets) == (model.inputs, model.targets)
    for ours, theirs in zip(
        jax.tree.leaves(loaded.params), jax.tree.leaves(model.params), strict=True
    ):
        assert ours.dtype == np.float64
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
    assert list(tmp_path.iterdir()) == [tmp_path / "m.nanonet"]


def test_a_committee_is_one_model(tmp_path):
    alone = make_model()
    network = committee(alone.network, 2)
    with jax.enable_x64(True):
        params = network.init(key=jax.random.key(2))
    several = dataclasses.replace(alone, network=network, params=params)
    save_model(tmp_path / "m", several)
    loaded = load_model(tmp_path / "m")
    assert loaded.network is network
    jax.tree.map(np.testing.assert_array_equal, loaded.params, params)
    of_each = [predict(member, TABLE) for member in loaded.members]
    np.testing.assert_allclose(predict(loaded, TABLE), np.mean(of_each, 0), rtol=1e-13)
    assert {"length", "price"} <= {text.get_text() for text in loaded.plot().texts}


def described(path):
    with safetensors.safe_open(path, "numpy") as file:
        return json.loads(file.metadata()["nanonet"])


def test_that_a_loss_was_robust_is_kept(tmp_path):
    """Beside what an earlier nanonet reads; of all others the file is what it was."""
    plain = make_model()
    robust = dataclasses.replace(plain, robust_loss="student_t")
    save_model(tmp_path / "plain", plain)
    save_model(tmp_path / "robust", robust)
    assert load_model(tmp_path / "plain").robust_loss is None
    loaded = load_model(tmp_path / "robust")
    assert loaded.robust_loss == loaded.members[0].robust_loss == "student_t"
    was, now = described(tmp_path / "plain"), described(tmp_path / "robust")
    assert was["format"] == now["format"] == 1
    assert now == was | {"robust_loss": "student_t"}
    with pytest.raises(ValueError, match="loss='student_t' takes the noise to be"):
        predict_interval(loaded, TABLE)


EARLIER = Path(__file__).parent / "earlier"
TOLD = json.loads((EARLIER / "told.json").read_text())


@pytest.mark.parametrize("name", TOLD["predictions"])
def test_files_of_earlier_versions_are_read(name):
    """They were written before intervals were; what they predicted then is beside."""
    model = load_model(EARLIER / name)
    table = pd.DataFrame(TOLD["rows"])
    table["red"] = (table["colour"] == "red").astype(float)
    found, then = predict(model, table), TOLD["predictions"][name]
    if model.targets[0].levels is not None:
        assert list(found) == then
    else:
        np.testing.assert_allclose(found, then, rtol=1e-13)
        with pytest.raises(ValueError, match="earlier nanonet wrote it"):
            predict_interval(model, table)


def make_noise(members, n, outputs, inputs=3):
    """The second row of TABLE is beyond where σ of the first member grows."""
    rng = np.random.default_rng(5)
    factor = np.tril(rng.normal(size=(members, n, n))) + 9 * np.eye(n)
    deviation = rng.uniform(0.5, 2, (members, outputs))
    trend = rng.normal(size=(members, 2 * inputs + 3))
    trend[:, -2:] = -0.5, 0.25
    free = np.ones((members, n))
    return Noise(deviation, np.full(members, 12.5), factor, free, trend)


def test_what_is_known_of_errors_is_kept(tmp_path):
    model = make_model()
    n = sum(leaf.size for leaf in jax.tree.leaves(model.params))
    model = dataclasses.replace(model, noise=make_noise(1, n, 1))
    save_model(tmp_path / "m", model)
    loaded = load_model(tmp_path / "m")
    jax.tree.map(np.testing.assert_array_equal, loaded.noise, model.noise)
    with pytest.raises(ValueError, match="2 starts at the least"):
        predict_interval(loaded, TABLE, method="starts")
    with pytest.raises(ValueError, match="level=1"):
        predict_interval(loaded, TABLE, level=1.0)
    kind = dataclasses.replace(model, targets=(Column("kind", ("no", "yes")),))
    with pytest.raises(ValueError, match="intervals are for numbers"):
        predict_interval(kind, TABLE)


def test_intervals_follow_the_equations():
    """With NumPy: the slopes by differences, the covariance by its inverse."""
    alone = make_model()
    params = [jax.tree.map(np.asarray, alone.params)]
    params.append(jax.tree.map(lambda leaf: 0.5 * leaf - 0.1, params[0]))
    flat = [np.concatenate([np.ravel(p) for p in jax.tree.leaves(m)]) for m in params]
    z = np.array([[(1 - 1.5) / 0.25, 0, 1], [(2.5 - 1.5) / 0.25, 1, 0]])

    def answer(theta):
        w1, b1, w2, b2 = np.split(theta, [6, 8, 10])
        return np.tanh(z @ w1.reshape(3, 2) + b1) @ w2 + b2

    noise = make_noise(2, 11, 1)
    noise.is_free[1, 3] = 0.0
    answers, variances = [], []
    for m, theta in enumerate(flat):
        G = np.stack(
            [(answer(theta + e) - answer(theta - e)) / 2e-6 for e in 1e-6 * np.eye(11)]
        )
        G *= noise.is_free[m][:, None]
        C = np.linalg.inv(noise.factor[m] @ noise.factor[m].T)
        answers.append(answer(theta))
        a, b, c, _ = np.split(noise.trend[m], [1, 4, 7])
        level = np.exp(np.clip(a + z @ b + z**2 @ c, -0.5, 0.25))
        variances.append(
            noise.deviation[m, 0] ** 2 * (level + np.einsum("in,ij,jn->n", G, C, G))
        )
    deviation = np.sqrt(np.mean(variances, 0) + np.var(answers, 0))
    t = scipy.stats.t.ppf(0.95, 12.5)
    model = Model(
        committee(alone.network, 2),
        jax.tree.map(lambda *leaves: np.stack(leaves), *params),
        INPUTS,
        (PRICE,),
        noise,
    )
    found = predict_interval(model, TABLE, level=0.9)
    for bound, sign in [(found.prediction, 0), (found.lower, -1), (found.upper, 1)]:
        expected = 100 + 3 * (np.mean(answers, 0) + sign * t * deviation)
        np.testing.assert_allclose(bound, expected, rtol=1e-8)
    first = predict_interval(model.members[0], TABLE, level=0.9)
    half = 3 * t * np.sqrt(variances[0])
    np.testing.assert_allclose((first.upper - first.lower) / 2, half, rtol=1e-8)


def test_predictions_follow_the_equations():
    model = make_model()
    (w1, b1), (w2, b2) = jax.tree.map(np.asarray, model.params)
    x = np.array([[(1 - 1.5) / 0.25, 0, 1], [(2.5 - 1.5) / 0.25, 1, 0]])
    expected = 100 + 3 * (np.tanh(x @ w1 + b1) @ w2 + b2)[:, 0]
    np.testing.assert_allclose(predict(model, TABLE), expected, rtol=1e-13)


def test_a_class_is_predicted_by_name():
    model = make_model(Column("kind", ("no", "yes")))
    last = model.params[1]._replace(w=np.zeros((2, 2)), b=np.array([0.0, 1.0]))
    model = dataclasses.replace(model, params=(model.params[0], last))
    assert list(predict(model, TABLE)) == ["yes", "yes"]


def test_a_model_draws_itself_between_its_columns():
    words = {text.get_text() for text in make_model().plot().texts}
    assert {"length", "colour = blue", "colour = red", "price"} <= words
    classes = make_model(Column("kind", ("no", "yes"))).plot().texts
    assert {"no", "yes"} <= {text.get_text() for text in classes}


def test_every_cut_and_every_altered_byte_is_noticed(tmp_path):
    path = tmp_path / "m.nanonet"
    save_model(path, make_model())
    sound = path.read_bytes()
    # JSON's own padding may change without changing what the file says.
    header_end = 8 + int.from_bytes(sound[:8], "little")
    for i in range(0, len(sound), 7):
        path.write_bytes(sound[:i])
        with pytest.raises(StorageError, match=r"m\.nanonet"):
            load_model(path)
        altered = bytearray(sound)
        altered[i] ^= 1
        if i < header_end and sound[i : i + 1].isspace():
            continue
        path.write_bytes(altered)
        with pytest.raises(StorageError, match=r"m\.nanonet"):
            load_model(path)


def test_arrays_and_several_targets(tmp_path):
    inputs = (INPUTS[0], Column("width", None, -2.0, 4.0))
    targets = (PRICE, Column("weight", None, 7.0, 0.5))
    with jax.enable_x64(True):
        network = mlp([2, 2, 2], "tanh", "identity")
        params = network.init(key=jax.random.key(1))
    save_model(tmp_path / "m", Model(network, params, inputs, targets))
    loaded = load_model(tmp_path / "m")
    assert loaded.targets == targets
    x = np.array([[1.0, 2.0], [2.5, -2.0]])
    (w1, b1), (w2, b2) = jax.tree.map(np.asarray, params)
    z = (x - [1.5, -2.0]) / [0.25, 4.0]
    expected = [100, 7] + (np.tanh(z @ w1 + b1) @ w2 + b2) * [3, 0.5]
    np.testing.assert_allclose(predict(loaded, x), expected, rtol=1e-13)
    frame = pd.DataFrame(x[:, ::-1], columns=["width", "length"])
    np.testing.assert_allclose(predict(loaded, frame), expected, rtol=1e-13)
    with pytest.raises(ValueError, match=r"3 columns, .* 2 \(length, width\)"):
        predict(loaded, np.ones((1, 3)))
    with pytest.raises(ValueError, match="'colour' holds categories"):
        predict(make_model(), x)


def forge(path, change):
    """Write a model's file with a changed description, and the digest that fits it."""
    model = dataclasses.replace(make_model(), noise=make_noise(1, 11, 1))
    save_model(path, model)
    content = described(path)
    with safetensors.safe_open(path, "numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(content, tensors)
    text = json.dumps(content)
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tensors[name].shape}".encode())
        digest.update(tensors[name].tobytes())
    metadata = {"nanonet": text, "sha256": digest.hexdigest()}
    path.write_bytes(safetensors.numpy.save(tensors, metadata))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content, _: content.update(format=99), "newer nanonet"),
        (lambda content, _: content.pop("target"), "does not describe"),
        (lambda content, _: content.update(inputs=[]), "does not describe"),
        (lambda content, _: content["network"].update(sizes=[4, 2, 1]), "does not"),
        (lambda content, _: content["network"].update(sizes=3), "does not"),
        (lambda content, _: content["network"].update(hidden="eval"), "does not"),
        (lambda content, _: content["target"].update(scale="1"), "does not"),
        (lambda content, _: content["target"].update(scale=float("inf")), "does not"),
        (lambda content, _: content["target"].update(mean=10**400), "does not"),
        (lambda content, _: content["inputs"][0].update(name=1), "does not"),
        (lambda content, _: content["inputs"][1].update(levels=["a", "a"]), "does not"),
        (lambda content, _: content["inputs"][1].update(levels=[1, 2]), "does not"),
        (lambda content, _: content["network"].update(sizes=[]), "does not"),
        (lambda content, _: content.update(members=2), "does not"),
        (lambda content, _: content.update(robust_loss="eval"), "does not"),
        (lambda content, _: content.update(robust_loss=["huber"]), "does not"),
        (lambda content, _: content.update(members="2"), "does not"),
        (lambda _, tensors: tensors.pop("1.w"), "does not"),
        (lambda _, tensors: tensors.update({"1.w": np.ones(3)}), "does not"),
        (lambda _, tensors: tensors.update({"1.b": np.ones(1, int)}), "does not"),
        (lambda _, tensors: tensors.update({"1.b": np.full(1, np.nan)}), "does not"),
        (
            lambda _, tensors: tensors.update({"1.b": np.ones(1, np.complex64)}),
            "does not",
        ),
        (lambda _, tensors: tensors.pop("noise.freedom"), "does not"),
        (lambda _, tensors: tensors.update({"noise.freedom": np.zeros(1)}), "does not"),
        (lambda _, tensors: tensors.update({"noise.factor": np.ones(3)}), "does not"),
        (lambda _, tensors: tensors["noise.is_free"].__setitem__(0, 2.0), "does not"),
        (lambda _, tensors: tensors.update({"noise.trend": np.ones(3)}), "does not"),
    ],
)
def test_a_file_that_describes_no_model(tmp_path, change, message):
    forge(tmp_path / "m.nanonet", lambda content, tensors: None)
    load_model(tmp_path / "m.nanonet")
    forge(tmp_path / "m.nanonet", change)
    with pytest.raises(StorageError, match=message):
        load_model(tmp_path / "m.nanonet")


def test_files_from_elsewhere(tmp_path):
    path = tmp_path / "m.nanonet"
    path.write_bytes(safetensors.numpy.save({"w": np.ones(3)}))
    with pytest.raises(StorageError, match="not written by nanonet"):
        load_model(path)
    path.write_text("a,b\n1,2\n")
    with pytest.raises(StorageError, match="no model"):
        load_model(path)
    header = json.dumps(
        {"w": {"dtype": "F8_E5M2", "shape": [8], "data_offsets": [0, 8]}}
    )
    length = len(header).to_bytes(8, "little")
    path.write_bytes(length + header.encode() + bytes(8))
    with pytest.raises(StorageError, match="no model"):
        load_model(path)
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "none")


def test_networks_that_have_no_names_cannot_be_saved(tmp_path):
    model = make_model()
    for network, params in [
        (Network(model.network.init, model.network.apply), model.params),
        (mlp([3, 2, 1], np.tanh), model.params),
        (two_two_one(), two_two_one().init(key=jax.random.key(0))),
    ]:
        with pytest.raises(ValueError, match="model: "):
            save_model(
                tmp_path / "m",
                dataclasses.replace(model, network=network, params=params),
            )
    assert not list(tmp_path.iterdir())


def test_a_network_of_no_numbers_cannot_be_saved(tmp_path):
    model = make_model()
    last = model.params[1]._replace(b=np.array([np.nan]))
    with pytest.raises(ValueError, match="not finite"):
        save_model(
            tmp_path / "m", dataclasses.replace(model, params=(model.params[0], last))
        )
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m.nanonet"
    path.write_text("old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"m\.nanonet cannot be written: No space left"):
        save_model(path, make_model())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_folders_and_devices_are_never_replaced(tmp_path):
    with pytest.raises(OSError, match="it is a folder"):
        save_model(tmp_path, make_model())
    with pytest.raises(OSError, match="not a regular file"):
        save_model("/dev/null", make_model())
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "m.nanonet")
    save_model(link, make_model())
    assert link.is_symlink()
    load_model(tmp_path / "m.nanonet")


def test_a_fit_is_no_model_but_has_one():
    with pytest.raises(TypeError, match=r"model is a list, not a Model; .* fit\.model"):
        check_model([])
