"""The classifier: scikit-learn's own checks, the paper's counts and accuracies, no leak."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import torch

pytest.importorskip("sklearn")
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.model_selection import train_test_split
from sklearn.utils.estimator_checks import estimator_checks_generator

import pinnkit
from pinnkit.errors import InputError
from pinnkit.spaces.lehmer.classifier import LehmerClassifier

DATA = {"iris": load_iris, "wine": load_wine, "breast cancer": load_breast_cancer}
KINDS = {
    "real": LehmerClassifier(epochs=10, batch=8),
    "complex": LehmerClassifier(epochs=10, batch=8, complex=True),
}
CHECKS = [
    pytest.param(estimator, check, id=f"{kind}-{getattr(check, 'func', check).__name__}")
    for kind, made in KINDS.items()
    for estimator, check in estimator_checks_generator(made)
]


@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_scikit_learn_accepts_it(estimator, check):
    check(estimator)


@pytest.mark.parametrize(("name", "parameters"), [("iris", 27), ("wine", 54), ("breast cancer", 101)])
def test_parameter_counts_of_the_paper(name, parameters):
    x, y = DATA[name](return_X_y=True)
    for complex, more in [(False, 0), (True, 12)]:
        made = LehmerClassifier(epochs=1, batch=64, complex=complex).fit(x, y)
        trained = [*made.units_.parameters(), *made.head_.parameters()]
        assert sum(p.numel() for p in trained) == parameters + more


@pytest.mark.parametrize(("name", "complex"), [("iris", False), ("wine", False), ("iris", True)])
def test_accuracy_on_samples_not_seen(name, complex):
    x, y = DATA[name](return_X_y=True)
    names = np.array(["zero", "one", "two"])
    train, test, labels, expected = train_test_split(x, names[y], test_size=0.3, random_state=0, stratify=y)
    made = LehmerClassifier(epochs=20, complex=complex, random_state=0).fit(train, labels)
    assert (made.predict(test) == expected).mean() > 0.9
    assert made.loss_[-1] < 0.5 * made.loss_[0] and len(made.loss_) == 20
    assert made.classes_.tolist() == ["one", "two", "zero"]


def test_the_loss_is_what_the_docstring_says():
    """One full batch: cross entropy and penalty of the initial network, drawn from the same seed."""
    x, y = load_iris(return_X_y=True)
    options = {"epochs": 1, "batch": 150, "random_state": 3}
    made = LehmerClassifier(penalty=0.5, learning_rate=1e-9, **options).fit(x, y)
    entropy = -np.log(made.predict_proba(x)[np.arange(150), y]).mean()
    assert made.loss_[0] == pytest.approx(entropy + 0.5 * 12, rel=1e-6)  # v = 1, twelve of them


def test_learning_rate_falls_in_stairs(monkeypatch):
    seen = []
    step = torch.optim.Adam.step

    def note(self, *args, **kwargs):
        seen.append(self.param_groups[0]["lr"])
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", note)
    x, y = load_iris(return_X_y=True)
    LehmerClassifier(epochs=3, batch=20, decay_steps=10, decay=0.5).fit(x, y)
    np.testing.assert_allclose(seen, [0.1] * 10 + [0.05] * 10 + [0.025] * 4)


@pytest.mark.parametrize("rescale", ["columns", "rows"])
def test_scaling_uses_the_training_set_only(rescale):
    x, y = load_wine(return_X_y=True)
    made = LehmerClassifier(epochs=2, rescale=rescale, random_state=0).fit(x[::2], y[::2])
    before = made.predict_proba(x[1:3])
    both = np.concatenate([x[1:3], 1e6 * x[3:]])
    np.testing.assert_allclose(made.predict_proba(both)[:2], before, rtol=0, atol=1e-14)
    u = made._logarithms(both)
    assert u.min() >= -1 - 1e-12 and u.max() <= 1 + 1e-12


def test_seed_decides_everything_and_nothing_leaks_out():
    x, y = load_iris(return_X_y=True)
    state = torch.get_rng_state()
    first, second, other = (LehmerClassifier(epochs=2, random_state=seed).fit(x, y) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(first.predict_proba(x), second.predict_proba(x))
    assert not np.array_equal(first.predict_proba(x), other.predict_proba(x))


@pytest.mark.parametrize(("options", "message"), [
    ({"units": 0}, "units must be a positive whole number, got 0"),
    ({"epochs": None}, "epochs must be a positive whole number, got None"),
    ({"batch": 1.5}, "batch must be a positive whole number, got 1.5"),
    ({"learning_rate": -1}, "learning_rate must be positive, got -1"),
    ({"learning_rate": None}, "learning_rate must be positive, got None"),
    ({"penalty": None}, "penalty must not be negative, got None"),
    ({"penalty": -1e-4}, "penalty must not be negative, got -0.0001"),
    ({"rescale": "none"}, "rescale must be one of columns, rows, got 'none'"),
])  # fmt: skip
def test_wrong_options(options, message):
    x, y = load_iris(return_X_y=True)
    with pytest.raises(InputError, match=message):
        LehmerClassifier(**options).fit(x, y)


def test_numpy_numbers_are_numbers():
    x, y = load_iris(return_X_y=True)
    LehmerClassifier(units=np.int64(2), epochs=np.int32(1), batch=np.int64(50), learning_rate=np.float32(0.1)).fit(x, y)


def test_without_scikit_learn_the_error_says_how_to_install_it():
    probe = "import sys; sys.modules['sklearn.base'] = None; import pinnkit.spaces.lehmer.classifier"
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(pinnkit.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False, env=environment)
    message = done.stderr.strip().splitlines()[-1]
    expected = "LehmerClassifier needs scikit-learn 1.6 or newer: pip install 'pinnkit[tabular]'"
    assert message == f"ImportError: {expected}"
