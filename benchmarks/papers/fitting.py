"""Signals fitted by networks of one size: what the experiments on images, sound, equations and scans share."""

import math
import time
from dataclasses import dataclass

import torch

from pinnkit.compare.sizing import nearest
from pinnkit.spaces import LRNN

DECAYS, DECAY = 10, 0.8
"""The rate falls so often in a run, to so much of it: the paper's schedule for 1000 steps."""


class WideLRNN(LRNN):
    """An LRNN whose second layer starts with the weights that torch gives to linear layers, about 12 times larger."""

    def _draw(self, inputs, generator, frequencies):
        size = super()._draw(inputs, generator, frequencies)
        with torch.no_grad():
            self.layers[1].weight.mul_(self.omega / math.sqrt(6))
        return size


def parameters(network):
    return sum(p.numel() for p in network.parameters())


def sized(make, count, inputs=2, outputs=1):
    """Give the unbuilt space `make(width)` whose number of parameters is nearest to a count."""
    bounds = torch.tensor([[-1.0] * inputs, [1.0] * inputs])

    def size(width):
        return parameters(make(width).build(bounds, outputs, torch.Generator()))

    return make(nearest(size, count))


@dataclass(frozen=True)
class Fit:
    """A trained network: its mean squared error before every step and at the end, and CPU seconds until then."""

    network: torch.nn.Module
    errors: list
    seconds: list

    def within(self, limit):
        """Give the last error within some seconds."""
        return [e for e, s in zip(self.errors, self.seconds, strict=True) if s <= limit][-1]

    def reached(self, error):
        """Give the seconds after which the error was first no larger than this; infinite if never."""
        return next((s for e, s in zip(self.errors, self.seconds, strict=True) if e <= error), math.inf)


def fit(space, points, values, steps, rate, seed=0, stretch=1.0):
    """Train a space on all samples at once by Adam.

    Args:
        space: not yet built.
        points: shape ``(n, d)``, in [-1, 1].
        values: shape ``(n, K)``.
        steps: of Adam.
        rate: at the start.
        seed: of the network.
        stretch: the network sees coordinates in [-stretch, stretch].
    """
    bounds = torch.tensor([[-1.0], [1.0]]).expand(-1, points.shape[1]) / stretch
    network = space.build(bounds, values.shape[1], torch.Generator().manual_seed(seed)).float()
    optimiser = torch.optim.Adam(network.parameters(), rate)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, max(1, steps // DECAYS), DECAY)
    errors, seconds, begin = [], [], time.process_time()
    for step in range(steps + 1):
        loss = (network(points) - values).square().mean()
        errors.append(loss.item())
        seconds.append(time.process_time() - begin)
        if step < steps:
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return Fit(network, errors, seconds)


def best_fit(space, points, values, steps, settings):
    """Give the options of `fit` with the smallest error at the end for seed 0, and that run."""
    runs = [(options, fit(space, points, values, steps, seed=0, **options)) for options in settings]
    return min(runs, key=lambda pair: pair[1].errors[-1] if math.isfinite(pair[1].errors[-1]) else math.inf)
