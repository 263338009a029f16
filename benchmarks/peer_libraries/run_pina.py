"""PINA: Adam, then L-BFGS, with hard conditions."""

import logging
import warnings

import torch
from cases import POINTS
from clock import Clock
from lightning.pytorch.callbacks import Callback
from pina import Condition, LabelTensor, Trainer
from pina.domain import CartesianDomain
from pina.equation import Equation
from pina.model import FeedForward
from pina.operator import grad
from pina.optim import TorchOptimizer
from pina.problem import SpatialProblem
from pina.solver import PINN

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore")
torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
clock = Clock()
case, box = clock.case, CartesianDomain(dict(zip("xy", map(list, clock.case.bounds), strict=True)))


def residual(p, output):
    def plain(label_tensor):
        return label_tensor.as_subclass(torch.Tensor)

    def d(name):
        first = grad(output, p, components=["u"], d=[name[0]])
        return plain(first if len(name) == 1 else grad(first, p, components=first.labels, d=[name[0]]))

    x, y = plain(p.extract(["x"])), plain(p.extract(["y"]))
    return case.residual(torch, x, y, plain(output), d)


class Stated(SpatialProblem):
    output_variables = ["u"]
    spatial_domain = box
    domains = {"inside": box}
    conditions = {"inside": Condition(domain="inside", equation=Equation(residual))}


class Hard(torch.nn.Module):
    """A network that meets all conditions."""

    def __init__(self):
        super().__init__()
        self.free = FeedForward(2, 1, layers=[32, 32, 32], func=torch.nn.Tanh)

    def forward(self, p):
        return case.meet(torch, p.extract(["x"]), p.extract(["y"]), self.free(p))


class Watch(Callback):
    """Stops training at a time, and measures errors on the way."""

    def __init__(self, until):
        super().__init__()
        self.until = until

    def on_train_start(self, trainer, solver):
        if not hasattr(clock, "began"):
            clock.start("pina-mathlab", sum(p.numel() for p in model.parameters()))

    def on_train_epoch_end(self, trainer, solver):
        trainer.should_stop = clock.spent(predict) or clock.seconds >= self.until


def predict():
    with torch.no_grad():
        return model(points).as_subclass(torch.Tensor)


problem, model = Stated(), Hard()
problem.discretise_domain(n=POINTS, mode="lh", domains=["inside"])
points = LabelTensor(torch.tensor(clock.points), ["x", "y"])
adam = TorchOptimizer(torch.optim.Adam, lr=1e-3)
lbfgs = TorchOptimizer(torch.optim.LBFGS, lr=1.0, max_iter=20, history_size=100, line_search_fn="strong_wolfe",
                       tolerance_grad=0.0, tolerance_change=0.0)
for optimizer, until in ((adam, clock.budget / 4), (lbfgs, clock.budget)):
    Trainer(
        PINN(problem, model, optimizer=optimizer), max_epochs=-1, callbacks=[Watch(until)], accelerator="cpu",
        logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    ).train()
