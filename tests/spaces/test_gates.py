"""The modified perceptron and PirateNet against their formulas."""

import torch

from pinnkit.spaces.modified_mlp import ModifiedMLP
from pinnkit.spaces.piratenet import PirateNet

SQUARE = torch.tensor([[-1.0, -1.0], [1.0, 1.0]], dtype=torch.float64)


def built(space):
    return space.build(SQUARE, 1, torch.Generator().manual_seed(0))


def points(n):
    return 2 * torch.rand(n, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 1


def dense(layer, h):
    return torch.tanh(h @ layer.weight.T + layer.bias)


def test_two_encoders_gate_every_layer():
    space, x = built(ModifiedMLP(5, 3)), points(6)
    u, v = (dense(gate, x) for gate in space.gates)
    h = x
    for layer in space.hidden:
        z = dense(layer, h)
        h = (1 - z) * u + z * v
    torch.testing.assert_close(space.basis(x), h)


def test_a_piratenet_starts_as_its_embedding():
    space, x = built(PirateNet(8, 2)), points(6)
    torch.testing.assert_close(space.basis(x), space.embedding(x))
    assert built(PirateNet().resized(31)).size == 32
    frozen = built(PirateNet().resized(30))
    assert not frozen.blocks and torch.equal(frozen.basis(x), frozen.embedding(x))
    # ... and the weight of its blocks is learnt from there.
    space(x).sum().backward()
    assert all(block.alpha.grad.abs() > 0 for block in space.blocks)


def test_residual_blocks():
    space, x = built(PirateNet(8, 2)), points(6)
    h = space.embedding(x)
    u, v = (dense(gate, h) for gate in space.gates)
    for block, alpha in zip(space.blocks, (0.3, -0.8), strict=True):
        block.alpha.data.fill_(alpha)
        f = dense(block.layers[0], h)
        g = dense(block.layers[1], f * u + (1 - f) * v)
        h = alpha * dense(block.layers[2], g * u + (1 - g) * v) + (1 - alpha) * h
    torch.testing.assert_close(space.basis(x), h)
