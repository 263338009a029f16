"""Kernels of a trained LeNet, and synthetic ones with noise, fitted by analytic kernels and by as many free numbers.

Needs scikit-learn.
"""

import math

import numpy as np
import torch
from acl_digits import digits, drawn, learn
from experiment import FIGURES, UNKNOWN, Claim, Experiment, Table, main
from scipy.fft import dctn

from pinnkit.convolution import LeNet
from pinnkit.convolution.families import FAMILIES
from pinnkit.convolution.fitting import fit

PIXELS, PICTURE = 5, "acl-kernels.png"
NOISES = (0.0, 0.1, 0.3)
NUMBERS = torch.tensor([len(family.parameters) + 1 for family in FAMILIES.values()])  # AKPs and amplitude
NAMES = list(FAMILIES)
FIRST, SECOND, UNTRAINED = "first layer, trained", "second layer, trained", "both layers, as drawn"


def relative_errors(kernels):
    """Errors of the best fits within each family (families, n), relative to the kernels' norms."""
    squares = torch.stack([fit(family, kernels).square for family in FAMILIES.values()])
    return (squares / kernels.square().sum((1, 2))).sqrt()


def by_free_numbers(kernels, numbers):
    """Relative errors with as many free numbers for each kernel, and by rank one.

    The numbers are the cosine coefficients of lowest frequency, or the largest entries (whose places come for free).
    """
    share = kernels.numpy() / kernels.flatten(1).norm(dim=1)[:, None, None].numpy()
    frequency = np.add.outer(np.arange(PIXELS) ** 2, np.arange(PIXELS) ** 2).ravel()
    cosines = dctn(share, axes=(1, 2), norm="ortho").reshape(len(share), -1)[:, frequency.argsort(kind="stable")]
    entries = -np.sort(-np.abs(share.reshape(len(share), -1)))
    left = np.arange(PIXELS**2) >= numbers.numpy()[:, None]
    rank_one = np.linalg.svd(share, compute_uv=False)[:, 1:]
    return [np.sqrt((part**2).sum(1)) for part in (cosines * left, entries * left, rank_one)]


def layer(nets, number):
    return torch.cat([net.features[number].weight.detach().double().flatten(0, 1) for net in nets])


def quartiles(values):
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return f"{middle:.2f} ({low:.2f}, {high:.2f})"


def synthetic(count, noise):
    """Draw kernels (families, count, h, w) of unit norm, and the same with noise of a relative norm."""
    generator = torch.Generator().manual_seed(1)
    clean = torch.stack([
        family.kernels(family.draw(count, generator).double(), (PIXELS, PIXELS)) for family in FAMILIES.values()
    ])
    disturbance = torch.randn(clean.shape, generator=generator, dtype=torch.float64)
    return clean, clean + noise * disturbance / disturbance.flatten(2).norm(dim=2)[..., None, None]


def recovery(count):
    """Table what of synthetic kernels is found again, a row for each family."""
    cells = [[f"{name} ({family.title})", len(family.parameters) + 1] for name, family in FAMILIES.items()]
    for noise in NOISES:
        clean, noisy = synthetic(count, noise)
        kernels = noisy.flatten(0, 1)
        fits = [fit(family, kernels) for family in FAMILIES.values()]
        best = torch.stack([each.square for each in fits]).argmin(0).unflatten(0, clean.shape[:2])
        for number, (family, each) in enumerate(zip(FAMILIES.values(), fits, strict=True)):
            own = slice(number * count, (number + 1) * count)
            found = each.amplitude[own, None, None] * family.kernels(each.raw[own], (PIXELS, PIXELS))
            error = (found - clean[number]).flatten(1).norm(dim=1)
            cells[number] += [f"{np.median(error):.3f}", f"{100 * (best[number] == number).double().mean():.0f} %"]
    head = ["family", "numbers", *(text for noise in NOISES for text in (f"error, noise {noise:g}", "family found"))]
    return Table("Synthetic kernels: median error of the fit by the right family against the kernel without noise, "
                 "and how often this family has the least error of the five", head, cells)  # fmt: skip


def picture(kernels, path):
    """Draw kernels above their best fits, six a row."""
    from matplotlib.figure import Figure

    fits = [fit(family, kernels) for family in FAMILIES.values()]
    squares = torch.stack([each.square for each in fits])
    rows = -(-len(kernels) // 6)
    figure = Figure(figsize=(6, 2.2 * rows), layout="constrained")
    figure.suptitle("kernels, and below each its best fit: family, relative error", fontsize=9)
    axes = figure.subplots(2 * rows, 6)
    for part in axes.flat:
        part.set_axis_off()
    for number, best in enumerate(squares.argmin(0).tolist()):
        own, each = kernels[number], fits[best]
        fitted = each.amplitude[number] * FAMILIES[NAMES[best]].kernels(each.raw[number][None], own.shape)[0]
        scale = own.abs().max()
        first, column = 2 * (number // 6), number % 6
        for row, values in enumerate((own, fitted), first):
            axes[row, column].imshow(values / scale, "gray", vmin=-1, vmax=1)
        error = (squares[best, number] / own.square().sum()).sqrt()
        axes[first + 1, column].set_title(f"{NAMES[best]}, {error:.2f}", fontsize=8)
    figure.savefig(path, dpi=110)


def run(full):
    seeds, epochs, count = (20, 120, 64) if full else (3, 30, 16)
    untrained = drawn(lambda: LeNet(8), seeds)
    nets = learn(drawn(lambda: LeNet(8), seeds), digits(seeds)[0], epochs)
    sets = {
        FIRST: layer(nets, 0), SECOND: layer(nets, 3),
        UNTRAINED: torch.cat([layer(untrained, 0), layer(untrained, 3)]),
    }  # fmt: skip
    rows, shares, medians = [], [], {}
    for name, kernels in sets.items():
        errors = relative_errors(kernels)
        least, best = errors.min(0)
        others = by_free_numbers(kernels, NUMBERS[best])
        random = math.sqrt(1 - NUMBERS[best].double().mean() / PIXELS**2)
        rows.append([name, len(kernels), *map(quartiles, (least, *others)), f"{random:.2f}"])
        found = 100 * best.bincount(minlength=len(FAMILIES)) / len(kernels)
        cells = zip(found, np.median(errors, 1), strict=True)
        shares.append([name, *(f"{share:.0f} %; {error:.2f}" for share, error in cells)])
        medians[name] = np.median(least), np.median(others[0])
    FIGURES.mkdir(parents=True, exist_ok=True)
    picture(sets[FIRST][:18], FIGURES / PICTURE)
    texts = {name: f"{ours:.2f} (as many cosines {cosines:.2f})" for name, (ours, cosines) in medians.items()}
    return Experiment(
        title="ACL: kernels fitted by analytic ones",
        paper="Analytic convolutional layer, arXiv 2407.06087.",
        setting=(
            f"The 5 x 5 kernels of {seeds} LeNets trained on random splits of scikit-learn's digits ({epochs} epochs, "
            "as in the experiment above), each fitted by all five families; the best family has 2 (Lg, Lt), 4 (Tf, "
            "Ts) or 5 (G) of 25 numbers, the amplitude with them. Beside it, for each kernel with as many numbers: its "
            "cosine coefficients of lowest frequency, and its largest entries; and the best kernel of rank one (9 free "
            "numbers), and what a random basis of as many functions leaves on average. The same networks before "
            "training are the control: their entries are independent, and a fit finds nothing but its own freedom. "
            "Errors are relative to the kernel's norm: median and quartiles. Errors of fits in the paper were not "
            "known to us. Kernels of larger networks, trained on photographs, may be nearer than these."
        ),
        tables=[
            Table("Relative error", ["kernels", "number", "best family", "cosines", "entries", "rank one",
                                     "random basis"], rows),
            Table("Share of kernels that a family fits best; its median error over all kernels",
                  ["kernels", *NAMES], shares),
            recovery(count),
        ],
        claims=[
            Claim("kernels of a trained first layer are near analytic ones", "not printed", texts[FIRST], UNKNOWN),
            Claim("so are those of the second layer", "not printed", texts[SECOND], UNKNOWN),
            Claim("nearer than kernels that nothing has trained", "not printed", texts[UNTRAINED], UNKNOWN),
        ],
        remarks=[
            f"The median error after training is {medians[FIRST][0]:.2f} in the first layer and "
            f"{medians[SECOND][0]:.2f} in the second, against {medians[UNTRAINED][0]:.2f} of kernels as drawn: what is "
            "below the control is structure that training has made.",
            "Noise of relative norm e leaves an error of about e times the root of numbers / 25 in a good fit.",
        ],
        figures=[PICTURE],
    )  # fmt: skip


if __name__ == "__main__":
    main(run, __doc__)
