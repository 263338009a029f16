"""DeepXDE: Adam, then L-BFGS, with hard conditions; "fourier" adds random Fourier features of the coordinates."""

import deepxde as dde
import torch
from cases import POINTS
from clock import Clock

clock = Clock()
case, (lower, upper) = clock.case, zip(*clock.case.bounds, strict=True)
dde.config.set_default_float("float64")
dde.config.set_random_seed(0)


def equation(p, u):
    def d(name):
        i = "xy".index(name[0])
        if len(name) == 1:
            return dde.grad.jacobian(u, p, j=i)
        return dde.grad.hessian(u, p, i=i, j=i)

    return case.residual(torch, p[:, :1], p[:, 1:], u, d)


class Watch(dde.callbacks.Callback):
    """Stops training at a time, and measures errors on the way."""

    def __init__(self, until):
        super().__init__()
        self.until = until

    def on_epoch_end(self):
        if clock.spent(lambda: self.model.predict(clock.points)) or clock.seconds >= self.until:
            self.model.stop_training = True


data = dde.data.PDE(dde.geometry.Rectangle(lower, upper), equation, [], num_domain=POINTS)
features = 0
if clock.config == "fourier":
    frequencies = torch.cat([torch.randn(2, 16) * sigma for sigma in (1.0, 10.0)], 1)
    features = 2 * frequencies.shape[1]
net = dde.nn.FNN([features or 2, 32, 32, 32, 1], "tanh", "Glorot uniform")
if features:
    net.apply_feature_transform(lambda p: torch.cat([torch.sin(p @ frequencies), torch.cos(p @ frequencies)], 1))
net.apply_output_transform(lambda p, u: case.meet(torch, p[:, :1], p[:, 1:], u))
model = dde.Model(data, net)
model.compile("adam", lr=1e-3, verbose=0)
clock.start("deepxde", sum(p.numel() for p in net.parameters()))
quiet = {"verbose": 0, "display_every": 10**9}
model.train(iterations=10**9, callbacks=[Watch(clock.budget / 4)], **quiet)
dde.optimizers.set_LBFGS_options(maxiter=10**6)
dde.optimizers.LBFGS_options.update(iter_per_step=20, fun_per_step=25)  # callbacks are called between such steps
while clock.seconds < clock.budget:
    model.compile("L-BFGS", verbose=0)
    model.train(callbacks=[Watch(clock.budget)], **quiet)
