"""A classifier of tabular data with the interface of scikit-learn (the extra ``tabular``)."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import InputError
from ..space import linear
from .positive import rescaled_rows
from .units import ComplexLehmer, Lehmer, count

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.preprocessing import MinMaxScaler, StandardScaler
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError("LehmerClassifier needs scikit-learn 1.6 or newer: pip install 'pinnkit[tabular]'") from error

RESCALINGS = ("columns", "rows")
NUMBERS = (int, float, np.integer, np.floating)
"""Numbers of numpy count too, because searches over options give them."""


class LehmerClassifier(ClassifierMixin, BaseEstimator):
    r"""Few Lehmer units over all features, then softmax: the authors' network for tabular data.

    Features are mapped to [1/e, e], to the units' means, and by a linear layer to the classes. Adam minimises the mean
    cross entropy of small batches plus :math:`\lambda \sum v^2`, which keeps the weights w = softplus(v) moderate.

    Each feature is mapped by its least and largest value in the training set; values beyond are clipped (our choice).
    The map by rows, ``rescale="rows"``, standardises with the training set's statistics (the authors fit their scaler
    before they split off the test set) and then maps each sample by its own least and largest entry. It loses the
    location and scale of a sample, and with them a quarter of the Iris flowers.

    Real networks have units (d + 1) + classes (units + 1) parameters: 27 for Iris, 54 for Wine and 101 for breast
    cancer with three units, as the paper counts. A complex unit has four more.

    Args:
        units: number of Lehmer units.
        complex: complex units.
        epochs: passes over the training set.
        batch: samples in a step.
        learning_rate: of Adam in the first step; each `decay_steps` steps it is multiplied by `decay`.
        decay: that factor.
        decay_steps: that number of steps (in stairs: our reading).
        penalty: lambda.
        rescale: "columns" or "rows".
        random_state: seed or generator of numpy, of initialisation and batches.

    Attributes:
        classes_: the labels.
        n_features_in_: number of features d.
        scaler_: scikit-learn's scaler of the features.
        units_: the trained layer, `Lehmer` or `ComplexLehmer`; `plot_units` draws it.
        head_: the trained linear layer after it.
        loss_: mean loss of each epoch.

    Reference:
        Ataei et al. 2026, Entropy 28(2):157.
    """

    def __init__(
        self,
        units: int = 3,
        complex: bool = False,
        epochs: int = 50,
        batch: int = 4,
        learning_rate: float = 0.1,
        decay: float = 0.9,
        decay_steps: int = 100,
        penalty: float = 1e-4,
        rescale: str = "columns",
        random_state: Any = None,
    ) -> None:
        """Keep the options as they are, as scikit-learn asks; `fit` checks them."""
        self.units = units
        self.complex = complex
        self.epochs = epochs
        self.batch = batch
        self.learning_rate = learning_rate
        self.decay = decay
        self.decay_steps = decay_steps
        self.penalty = penalty
        self.rescale = rescale
        self.random_state = random_state

    def _check_options(self) -> None:
        for name in ("units", "epochs", "batch", "decay_steps"):
            count(name, getattr(self, name))
        for name in ("learning_rate", "decay"):
            if not (isinstance(value := getattr(self, name), NUMBERS) and 0 < value < math.inf):
                raise InputError(f"{name} must be positive, got {value!r}.")
        if not (isinstance(self.penalty, NUMBERS) and 0 <= self.penalty < math.inf):
            raise InputError(f"penalty must not be negative, got {self.penalty!r}.")
        if self.rescale not in RESCALINGS:
            raise InputError(f"rescale must be one of {', '.join(RESCALINGS)}, got {self.rescale!r}.")

    def fit(self, X: Any, y: Any) -> Self:
        """Train on samples.

        Args:
            X: samples, shape ``(n, d)``.
            y: labels, shape ``(n,)``.

        Returns:
            This classifier.

        Raises:
            InputError: an option is out of range.
        """
        self._check_options()
        X, y = validate_data(self, X, y, dtype="float64")
        check_classification_targets(y)
        self.classes_, indices = np.unique(y, return_inverse=True)
        columns = self.rescale == "columns"
        self.scaler_ = MinMaxScaler((1 / math.e, math.e), clip=True) if columns else StandardScaler()
        self.scaler_.fit(X)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        generator = torch.Generator().manual_seed(seed)
        layer = ComplexLehmer if self.complex else Lehmer
        self.units_ = layer(X.shape[1], self.units, generator)
        self.head_ = linear(self.units, len(self.classes_), generator, (6 / (self.units + len(self.classes_))) ** 0.5)
        self.loss_ = self._train(self._logarithms(X), torch.as_tensor(indices), generator)
        return self

    def _train(self, u: Tensor, labels: Tensor, generator: torch.Generator) -> list[float]:
        parameters = [*self.units_.parameters(), *self.head_.parameters()]
        optimizer = torch.optim.Adam(parameters, lr=self.learning_rate, fused=True)
        losses, steps = torch.zeros(self.epochs, dtype=torch.float64), 0
        for epoch in range(self.epochs):
            for batch in torch.randperm(len(u), generator=generator).split(int(self.batch)):
                optimizer.param_groups[0]["lr"] = self.learning_rate * self.decay ** (steps // self.decay_steps)
                logits = self.head_(self.units_.of_logarithms(u[batch]))
                loss = nn.functional.cross_entropy(logits, labels[batch]) + self.penalty * self.units_.v.square().sum()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses[epoch] += loss.detach() * (len(batch) / len(u))
                steps += 1
        return losses.tolist()

    def _logarithms(self, X: Any) -> Tensor:
        x = torch.as_tensor(self.scaler_.transform(X))
        return torch.log(rescaled_rows(x) if self.rescale == "rows" else x)

    @torch.no_grad()
    def predict_proba(self, X: Any) -> Any:
        """Give the probabilities of the classes.

        Args:
            X: samples, shape ``(n, d)``.

        Returns:
            Probabilities in the order of ``classes_``, shape ``(n, classes)``.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype="float64", reset=False)
        return torch.softmax(self.head_(self.units_.of_logarithms(self._logarithms(X))), -1).numpy()

    def predict(self, X: Any) -> Any:
        """Give the most probable class.

        Args:
            X: samples, shape ``(n, d)``.

        Returns:
            Labels, shape ``(n,)``.
        """
        best = self.predict_proba(X).argmax(1)
        return self.classes_[best]
