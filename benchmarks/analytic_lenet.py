"""A LeNet on scikit-learn's digits, before and after its kernels are replaced by analytic ones.

    python benchmarks/analytic_lenet.py [--picture kernels.png]     # needs scikit-learn; two minutes on one core

For each seed: a plain LeNet; the same with the kernels that `from_conv2d` replaces by default, with no training after;
with all kernels replaced, as it is and after training goes on; the plain one trained on for as long; an AnaNN-LeNet
trained from the start, with all families and with one at a time. Amplitudes and AKPs learn at a higher rate than all
else, which learns at the plain network's. Digits are split once, 1198 to train and 599 to test.
"""

import argparse
import copy
import math
import statistics

import torch
from sklearn.datasets import load_digits
from torch import nn

from pinnkit.convolution import AnalyticConv2d, AnaNNLeNet, LeNet, draw_kernels, with_analytic_kernels
from pinnkit.convolution.families import FAMILIES

SEEDS = (0, 1, 2, 3, 4)
PLAIN_EPOCHS, LATER_EPOCHS, DIRECT_EPOCHS = 25, 40, 40
RATE, ANALYTIC_RATE = 3e-3, 1e-2
BATCH = 64


def digits():
    data = load_digits()
    images = torch.tensor(data.images / 16, dtype=torch.float32)[:, None]
    labels = torch.tensor(data.target)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    train, test = order[599:], order[:599]
    return (images[train], labels[train]), (images[test], labels[test])


def train(net, data, epochs, seed):
    images, labels = data
    generator = torch.Generator().manual_seed(seed)
    groups = {RATE: [], ANALYTIC_RATE: []}
    for name, parameter in net.named_parameters():
        groups[ANALYTIC_RATE if "akps" in name or "amplitude" in name else RATE].append(parameter)
    optimiser = torch.optim.Adam([{"params": group} for group in groups.values()])
    steps = epochs * math.ceil(len(labels) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [2 * rate for rate in groups], total_steps=steps)
    for _ in range(epochs):
        for chosen in torch.randperm(len(labels), generator=generator).split(BATCH):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(images[chosen]), labels[chosen]).backward()
            optimiser.step()
            schedule.step()
    return net


@torch.no_grad()
def accuracy(net, data):
    images, labels = data
    return 100 * (net(images).argmax(1) == labels).double().mean().item()


def count(net):
    kernels = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d | AnalyticConv2d)]
    return tuple(sum(p.numel() for part in parts for p in part.parameters()) for parts in ([net], kernels))


def networks(seed, data):
    torch.manual_seed(seed)
    plain = train(LeNet(8), data, PLAIN_EPOCHS, seed)
    yield "plain", plain
    yield "plain, trained on", train(copy.deepcopy(plain), data, LATER_EPOCHS, seed)
    yield "from_conv2d, default tolerance", with_analytic_kernels(plain)
    every = with_analytic_kernels(plain, tolerance=math.inf)
    yield "from_conv2d, all kernels", copy.deepcopy(every)
    yield "from_conv2d, all kernels, trained on", train(every, data, LATER_EPOCHS, seed)
    torch.manual_seed(seed)
    yield "AnaNN-LeNet, all families", train(AnaNNLeNet(8), data, DIRECT_EPOCHS, seed)
    for name in FAMILIES:
        torch.manual_seed(seed)
        net = AnaNNLeNet(8, mosaics=(name, name))
        yield f"AnaNN-LeNet, {name}", train(net, data, DIRECT_EPOCHS, seed)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--picture", help="PNG file for the second layer's kernels of the last converted network")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    arguments = parser.parse_args()
    picture = arguments.picture
    train_data, test_data = digits()
    found, sizes = {}, {}
    for seed in arguments.seeds:
        for title, net in networks(seed, train_data):
            found.setdefault(title, []).append(accuracy(net, test_data))
            sizes.setdefault(title, []).append(count(net))
            if picture and title == "from_conv2d, all kernels":
                draw_kernels(net.features[3], picture, title)
    print("| percent of 599 test images right, by seed | mean | worst change | parameters | of convolutions |")
    print("|---|---|---|---|---|")
    for title, values in found.items():
        total, kernels = (round(statistics.mean(column)) for column in zip(*sizes[title], strict=True))
        each = ", ".join(f"{value:.2f}" for value in values)
        change = min(value - plain for value, plain in zip(values, found["plain"], strict=True))
        print(f"| {title}: {each} | {statistics.mean(values):.2f} | {change:+.2f} | {total} | {kernels} |")


if __name__ == "__main__":
    main()
