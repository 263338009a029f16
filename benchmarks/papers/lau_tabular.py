"""Lehmer units on small tables, scaled with and without the test samples, beside logistic regression and networks.

Needs scikit-learn.
"""

import math
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from classification import TEST_SHARE, accuracy, error, mean_error, size, spread, train
from experiment import FIGURES, UNKNOWN, Claim, Experiment, Table, main, verdict
from scipy.stats import rankdata
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from torch import nn

from pinnkit.spaces.lehmer import ComplexLehmer, Lehmer, plot_units, rescaled_rows
from pinnkit.spaces.space import linear

UNITS, EPOCHS, RATE, DECAY, DECAY_STEPS, PENALTY = 3, 50, 0.1, 0.9, 100, 1e-4
PICTURE = "lau-wine.png"
ROUNDING = 0.5  # printed in whole per cent
KINDS = {"real": Lehmer, "complex": ComplexLehmer}


@dataclass(frozen=True)
class DataSet:
    """A table, what the paper prints of it (per cent by kind, parameters of real units), and the samples in a step."""

    name: str
    load: object
    printed: dict = field(default_factory=dict)
    parameters: int | None = None
    batch: int = 4


DATA = (
    DataSet("Iris", load_iris, {"real": 95, "complex": 95}, 27),
    DataSet("Wine", load_wine, {"real": 99, "complex": 95}, 54),
    DataSet("breast cancer", load_breast_cancer, {"real": 94, "complex": 94}, 101),
    DataSet("digits", load_digits, batch=32),
)


class LehmerNetwork(nn.Module):
    """Units over all features, whose logarithms are given, and a linear layer: `LehmerClassifier`'s network."""

    def __init__(self, layer, features, classes, generator):
        super().__init__()
        self.units = layer(features, UNITS, generator)
        self.head = linear(UNITS, classes, generator, (6 / (UNITS + classes)) ** 0.5)

    def forward(self, u):
        return self.head(self.units.of_logarithms(u))


def mlp(activation, features, classes, generator):
    sizes = (features, UNITS), (UNITS, classes)
    first, last = (linear(*size, generator, (6 / sum(size)) ** 0.5) for size in sizes)
    return nn.Sequential(first, activation(), last)


def adam(parameters, steps):
    """Make the paper's optimiser and schedule."""
    optimiser = torch.optim.Adam(parameters.values(), lr=RATE, fused=True)
    return optimiser, torch.optim.lr_scheduler.StepLR(optimiser, DECAY_STEPS, DECAY)


def penalty(parameters):
    return PENALTY * parameters["units.v"].square().sum() if "units.v" in parameters else 0


def standard(x, known):
    return torch.as_tensor(StandardScaler().fit(known).transform(x))


def by_rows(x, known):
    return torch.log(rescaled_rows(standard(x, known)))


def by_raw_rows(x, known):
    return torch.log(rescaled_rows(torch.as_tensor(x)))


def by_columns(x, known):
    scaler = MinMaxScaler((1 / math.e, math.e), clip=True).fit(known)
    return torch.log(torch.as_tensor(scaler.transform(x)))


ROWS, COLUMNS = "Lehmer, rows standardised", "Lehmer, columns"
MAPS = {ROWS: by_rows, "Lehmer, rows as they are": by_raw_rows, COLUMNS: by_columns}
LOGISTIC, EQUAL = "logistic regression", "MLP, tanh"
MODELS = {
    **{f"{name}, {kind}": (scale, partial(LehmerNetwork, layer))
       for name, scale in MAPS.items() for kind, layer in KINDS.items()},
    EQUAL: (standard, partial(mlp, nn.Tanh)),
    "MLP, ReLU": (standard, partial(mlp, nn.ReLU)),
    LOGISTIC: (standard, None),
}  # fmt: skip


@dataclass(frozen=True)
class Score:
    """Test accuracies in per cent without and with the leak (2, splits), the count of parameters, trained networks."""

    values: np.ndarray
    size: int
    nets: list = field(default_factory=list)


def measure(data, splits, batch, scale, make):
    """Fit a model to each split, its features scaled by statistics of the training samples, and again by all."""
    x, y = data.load(return_X_y=True)
    labels, classes = torch.as_tensor(y), int(y.max()) + 1
    known = [*(x[fitted] for fitted, _ in splits), *[x] * len(splits)]
    inputs = torch.stack([scale(x, own) for own in known])
    fitted, tested = (torch.as_tensor(np.stack(half)).repeat(2, 1) for half in zip(*splits, strict=True))
    if make is None:
        right = []
        for own, a, b in zip(inputs.numpy(), fitted.numpy(), tested.numpy(), strict=True):
            model = LogisticRegression(max_iter=5000).fit(own[a], y[a])
            right.append(100 * model.score(own[b], y[b]))
        return Score(np.reshape(right, (2, -1)), model.coef_.size + model.intercept_.size)
    generators = [torch.Generator().manual_seed(seed) for _ in range(2) for seed in range(len(splits))]
    nets = [make(x.shape[1], classes, generator) for generator in generators]
    own = torch.arange(len(nets))[:, None]
    train(nets, inputs[own, fitted], labels[fitted], batch, EPOCHS, generators, adam, penalty)
    right = [accuracy(*each) for each in zip(nets, inputs[own, tested], labels[tested], strict=True)]
    return Score(np.reshape(right, (2, -1)), size(nets[0]), nets)


def agreement(score):
    """Mean rank correlation between splits, without the leak, of the features' weights averaged over units."""
    weights = torch.stack([net.units.weights.detach() for net in score.nets[: score.values.shape[1]]])
    shares = (weights / weights.sum(2, keepdim=True)).mean(1)
    correlation = np.corrcoef(rankdata(shares.numpy(), axis=1))
    return correlation[np.triu_indices(len(correlation), 1)].mean()


def table(data, scores):
    rows = []
    for name, score in scores.items():
        without, leaked = score.values
        rows.append([name, score.size, spread(without), spread(leaked), mean_error(leaked - without)])
    head = ["model", "parameters", "without the leak", "with it", "change by the leak"]
    return Table(f"{data.name}, per cent of test samples right", head, rows)


def differences(data, scores):
    """Compare real units, columns, with the baselines on the same splits, without the leak."""
    ours = scores[f"{COLUMNS}, real"]
    paired = (mean_error(ours.values[0] - scores[name].values[0]) for name in (EQUAL, LOGISTIC))
    return [data.name, *paired, f"{agreement(ours):.2f}"]


def claims(found):
    """Compare what was found, (data set, scores by model), with what the paper prints."""
    every, missed, total = [], [], 0
    for data, scores in found:
        for kind, printed in data.printed.items():
            authors, columns = scores[f"{ROWS}, {kind}"].values[1], scores[f"{COLUMNS}, {kind}"].values[0]
            reached = [np.mean(values) + error(values) >= printed - ROUNDING for values in (authors, columns)]
            ours = f"{mean_error(authors, '')}; by columns without the leak {mean_error(columns, '')}"
            statement = f"{data.name}, {kind} units, rows standardised with the leak"
            every.append(Claim(statement, f"{printed} %", ours, verdict(reached[0])))
            missed += [] if reached[1] else [f"{data.name}, {kind}"]
            total += 1
    ours = f"{total - len(missed)} of {total}" + (f", not {'; '.join(missed)}" if missed else "")
    every.append(Claim("reached without the leak, scaled by columns", "these", ours, verdict(not missed)))
    counted = [(data, scores) for data, scores in found if data.parameters]
    names, real = ", ".join(data.name for data, _ in counted), f"{COLUMNS}, real"
    printed, ours = [data.parameters for data, _ in counted], [scores[real].size for _, scores in counted]
    texts = (", ".join(map(str, sizes)) for sizes in (printed, ours))
    every.append(Claim(f"parameters of three real units: {names}", *texts, verdict(printed == ours)))
    logistic, units = (
        ", ".join(f"{scores[name].values[0].mean():.1f}" for _, scores in counted) for name in (LOGISTIC, real)
    )
    ours = f"logistic regression {logistic} %, real units by columns {units} %"
    return [*every, Claim(f"better than other models: {names}", "not printed", ours, UNKNOWN)]


def remark_on_the_leak(found):
    scores = [score for _, scores in found for name, score in scores.items() if MODELS[name][0] is not by_raw_rows]
    changes = [score.values[1] - score.values[0] for score in scores]
    seen = sum(abs(np.mean(change)) > 2 * error(change) for change in changes)
    largest = max(abs(np.mean(change)) for change in changes)
    return (
        f"The leak: of {len(changes)} mean changes the largest is {largest:.1f} points, and {seen} exceed twice their "
        "standard error. What leaks is the features of the test samples, not their labels."
    )


def remark_on_rows(found):
    """Say that neither reading of the authors' map by rows does for all data sets."""
    lowest = []
    for name in list(MAPS)[:2]:
        means = {data.name: scores[f"{name}, real"].values[1].mean() for data, scores in found if data.printed}
        worst = min(means, key=means.get)
        lowest.append(f"{name.removeprefix('Lehmer, ')} on {worst} ({means[worst]:.0f} %)")
    return (
        f"Real units do worst with {' and with '.join(lowest)}: a map of each sample by itself loses its location and "
        "scale, in whichever units the features come."
    )


def run(full):
    count, found = 50 if full else 10, []
    for data in DATA:
        x, y = data.load(return_X_y=True)
        splits = list(StratifiedShuffleSplit(count, test_size=TEST_SHARE, random_state=0).split(x, y))
        batch = 4 if full else data.batch
        scores = {name: measure(data, splits, batch, *model) for name, model in MODELS.items()}
        found.append((data, scores))
        print(data.name, flush=True)
    FIGURES.mkdir(parents=True, exist_ok=True)
    plot_units(found[1][1][f"{COLUMNS}, real"].nets[0].units, load_wine().feature_names, FIGURES / PICTURE)
    head = ["real units, columns, without the leak", "minus MLP, tanh", "minus logistic regression", "agreement"]
    return Experiment(
        title="LAU: small tables",
        paper="Ataei et al. 2026, Entropy 28(2):157 (arXiv 2501.15223).",
        setting=(
            f"scikit-learn's data sets, {count} random splits with {TEST_SHARE:.0%} to test, the same for all models "
            "(the paper's splits were not known to us). Three Lehmer units and softmax, trained as the paper prints: "
            f"Adam {RATE}, times {DECAY} each {DECAY_STEPS} steps, {EPOCHS} epochs in batches of 4"
            f"{'' if full else ' (digits: 32)'}, {PENALTY:g} times the sum of v². Networks of three hidden units "
            "have exactly as many parameters as the real units, and are trained as these, without the penalty; "
            "logistic regression is scikit-learn's, as it comes. No option was chosen by accuracies. *Rows*: each "
            "sample is mapped to [1/e, e] by its own least and largest entry, as the authors do, after features were "
            "standardised (our reading of their scaler) or as they are. *Columns*: each feature is mapped so, by its "
            "least and largest value. *The leak*: statistics of the scaler are those of all samples, as the authors "
            "take them, not of the training samples. After accuracies in tables stand standard deviations between "
            "splits; after changes, differences and in claims standard errors that allow for the overlap of splits "
            "(Nadeau and Bengio 2003). An accuracy counts as reached if the printed one, which is rounded, lies less "
            "than half a point and one standard error above ours."
        ),
        tables=[
            *(table(*each) for each in found),
            Table("Points more than the baselines have, paired by split, and mean rank correlation between splits of "
                  "the features' weights", head, [differences(*each) for each in found]),
        ],
        claims=claims(found),
        remarks=[remark_on_rows(found), remark_on_the_leak(found)],
        figures=[PICTURE],
    )  # fmt: skip


if __name__ == "__main__":
    main(run, __doc__)
