"""What the experiments with classifiers share: networks trained side by side, and errors of means over splits."""

import math
import statistics

import numpy as np
import torch
from torch.func import functional_call, stack_module_state

TEST_SHARE = 0.3


def train(nets, inputs, labels, batch, epochs, generators, make, penalty=None):
    """Train networks of one kind in place, each on its own samples.

    They take their steps together, for speed; Adam works on each number alone, so that it is as if one after the other.

    Args:
        nets: S networks.
        inputs: shape (S, samples, ...).
        labels: shape (S, samples).
        batch: samples in a step.
        epochs: passes over the samples.
        generators: S sources of orders.
        make: gives optimiser and schedule, from parameters by name and the number of steps.
        penalty: added to the sum of the networks' losses, of parameters by name.
    """
    parameters, buffers = stack_module_state(nets)
    learned = {name: value for name, value in parameters.items() if value.requires_grad}
    optimiser, schedule = make(learned, epochs * math.ceil(labels.shape[1] / batch))
    every = torch.arange(len(nets))[:, None]
    forward = torch.vmap(lambda state, x: functional_call(nets[0], state, (x,)))
    for _ in range(epochs):
        orders = torch.stack([torch.randperm(labels.shape[1], generator=generator) for generator in generators])
        for chosen in orders.split(batch, dim=1):
            logits = forward({**parameters, **buffers}, inputs[every, chosen])
            entropy = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels[every, chosen].flatten())
            loss = entropy * len(nets) + (penalty(parameters) if penalty else 0)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    with torch.no_grad():
        for number, net in enumerate(nets):
            for name, value in net.named_parameters():
                value.copy_(parameters[name][number])


@torch.no_grad()
def accuracy(net, inputs, labels):
    """Per cent of samples right."""
    return 100 * (net(inputs).argmax(1) == labels).double().mean().item()


def size(net):
    """Count the numbers that are learned."""
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def error(values):
    """Standard error of a mean over random splits, which overlap (Nadeau and Bengio 2003)."""
    return statistics.stdev(values) * math.sqrt(1 / len(values) + TEST_SHARE / (1 - TEST_SHARE))


def mean_error(values, sign="+"):
    return f"{np.round(np.mean(values), 1) + 0.0:{sign}.1f} ± {error(values):.1f}"  # + 0.0 makes -0.0 positive


def spread(values):
    return f"{np.mean(values):.1f} ± {statistics.stdev(values):.1f}"
