"""pinnkit with its default settings: space, points and method are its own choice."""

import torch
from cases import Linear
from clock import Clock, say

import pinnkit as pk

clock = Clock()
case = clock.case


class Watched(pk.Auto):
    """The default method, with its run at hand."""

    def start(self, task):
        self.run = super().start(task)
        return self.run

    def values(self):
        """The trial function at the test points."""
        with torch.no_grad():
            return self.run.trial(torch.tensor(clock.points))


if isinstance(case, Linear):
    (x0, x1), (y0, y1) = case.bounds
    square = pk.Box([x0, y0], [x1, y1])
    problem = pk.Problem(
        domain=square,
        unknowns="u",
        equations={"linear": lambda u, p: case.residual(torch, p.x, p.y, u, lambda name: getattr(u, name))},
        conditions=[pk.Dirichlet(u=0.0, on=square.boundary)],
    )
else:
    problem = pk.load_problem("burgers")
method, ended = Watched(), [0.0]


def watch(progress, budget):
    """Note the time of every step; what follows the last one is no training."""
    ended[0] = clock.seconds
    clock.spent(method.values)


clock.start("pinnkit", None)
solution = pk.solve(problem, method=method, budget=clock.budget, observer=watch)
clock.report(ended[0], method.values())
chosen = (solution.metrics[key] for key in ("space", "method", "reason"))
say(parameters=solution.metrics["parameters"], chosen=", ".join(chosen))
