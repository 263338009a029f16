"""Scimba: energy natural gradient; "weak" is the setting of its tutorials, with conditions in the loss.

"strong" has hard conditions; it converges more surely with a regularisation above the default one.
"""

import torch
from cases import POINTS
from clock import Clock
from scimba_torch.approximation_space.nn_space import NNxSpace
from scimba_torch.domain.meshless_domain.domain_2d import Square2D
from scimba_torch.integration.monte_carlo import DomainSampler, TensorizedSampler
from scimba_torch.integration.monte_carlo_parameters import UniformParametricSampler
from scimba_torch.neural_nets.coordinates_based_nets.mlp import GenericMLP
from scimba_torch.numerical_solvers.elliptic_pde.pinns import NaturalGradientPinnsElliptic
from scimba_torch.physical_models.elliptic_pde.abstract_elliptic_pde import StrongFormEllipticPDE
from scimba_torch.utils.scimba_tensors import LabelTensor

clock = Clock()
case = clock.case
torch.manual_seed(0)


class Equation(StrongFormEllipticPDE):
    """A residual, once for batches and once for a function of one point."""

    def __init__(self, space):
        super().__init__(space, linear=False, residual_size=1, bc_residual_size=1)

    def rhs(self, w, x, mu):
        return torch.zeros_like(x.get_components()[0])

    def operator(self, w, x, mu):
        u, (first, second) = w.get_components(), x.get_components()
        gradient = dict(zip("xy", self.grad(u, x), strict=True))

        def d(name):
            part = gradient[name[0]]
            return part if len(name) == 1 else list(self.grad(part, x))["xy".index(name[0])]

        return case.residual(torch, first, second, u, d)

    def bc_rhs(self, w, x, n, mu):
        return self.rhs(w, x, mu)

    def bc_operator(self, w, x, n, mu):
        first, second = x.get_components()
        return self.miss(w.get_components(), first, second)

    def miss(self, u, x, y):
        """What a condition makes zero."""
        return case.held(x, y) * (u - case.meet(torch, x, y, 0 * u))

    def functional_operator(self, func, x, mu, theta):
        gradient = torch.func.jacrev(func, 0)
        hessian = torch.func.jacrev(gradient, 0)

        def d(name):
            i = "xy".index(name[0])
            return gradient(x, mu, theta)[0, i] if len(name) == 1 else hessian(x, mu, theta)[0, i, i]

        return case.residual(torch, x[0], x[1], func(x, mu, theta), d)

    def functional_operator_bc(self, func, x, n, mu, theta):
        return self.miss(func(x, mu, theta), x[0], x[1])


domain = Square2D(list(case.bounds), is_main_domain=True)


def build():
    """Make a space and its solver."""
    ours, theirs = {}, {}
    if clock.config == "strong":
        ours["post_processing"] = lambda u, x, mu: case.meet(torch, *x.get_components(), u)
        theirs["functional_post_processing"] = lambda u, x, mu, theta: case.meet(torch, x[0], x[1], u(x, mu, theta))
        theirs["matrix_regularization"] = 1e-5
    sampler = TensorizedSampler([DomainSampler(domain), UniformParametricSampler([])])
    space = NNxSpace(1, 0, GenericMLP, domain, sampler, layer_sizes=[32, 32, 32], **ours)
    return space, NaturalGradientPinnsElliptic(Equation(space), bc_type=clock.config, **theirs)


def train(pinn):
    """Take one step; an epoch has one batch of points."""
    pinn.solve(epochs=1, n_collocation=POINTS, n_bc_collocation=1000, verbose=False)


train(build()[1])  # its first step compiles
space, pinn = build()
points = LabelTensor(torch.tensor(clock.points))
none = LabelTensor(torch.zeros(len(clock.points), 0))


def predict():
    return space.evaluate(points, none).w.detach()


clock.start("scimba", space.ndof)
while not clock.spent(predict):
    train(pinn)
