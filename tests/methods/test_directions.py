"""Training with random estimates of the Laplacian: an unbiased loss, gradients included."""

from __future__ import annotations

import pytest
import torch

import pinnkit as pk
from pinnkit.methods import Task
from pinnkit.methods.training import Training

from .small import linear, task


def trained(directions, problem=None):
    made = Task(problem or pk.load_problem("poisson-10d", {"d": 5}), pk.MLP(6, 2))
    return Training(made, 40, 20, directions=directions)


def test_the_loss_and_its_gradient_are_unbiased():
    exact, estimated = trained(None), trained(1)
    parameters = estimated.parameters()
    losses, slopes = [], []
    for step in range(600):
        estimated.refresh(step)
        loss = estimated.loss()
        losses.append(loss.detach())
        slopes.append(torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, parameters)]))
    whole = exact.loss()
    slope = torch.cat([g.reshape(-1) for g in torch.autograd.grad(whole, exact.parameters())])
    losses, slopes = torch.stack(losses), torch.stack(slopes)
    assert abs(losses.mean() - whole) < 4 * losses.std() / 600**0.5
    assert ((slopes.mean(0) - slope).abs() <= 4.5 * slopes.std(0) / 600**0.5 + 1e-12).all()
    # A single estimate, squared, would be too large by its variance.
    assert losses.std() > 0


def test_one_step_has_one_loss_and_the_next_another():
    training = trained(2)
    training.refresh(7)
    loss = training.loss()
    assert training.loss().equal(loss)
    training.refresh(8)
    assert not training.loss().equal(loss)
    other = trained(2)
    other.refresh(7)
    assert other.loss().equal(loss)


def test_a_problem_without_a_laplacian_says_so():
    with pytest.raises(pk.InputError, match="directions estimate u.laplacian, which no equation of this problem uses"):
        Training(task(linear()), 8, 4, directions=1)
