"""Time one residual step of a tanh network: a 2-D Laplacian, forward and backward, by jets and by other means.

The yardstick is the matrix products alone: those that the step cannot do without, with no elementwise work. Every
way computes the same loss, ``mean((u_xx + u_yy - f)^2)``, and the gradients by all parameters; the script checks that
the losses agree before it times them. Repeats are interleaved, so that a busy machine slows every way alike.

    python benchmarks/residual_step.py [--threads 1] [--repeats 15] [--width 128] [--depth 4] [--points 4096]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from pinnkit.jets import LAPLACIAN, Derivatives

Step = Callable[[], Tensor]


def network(width: int, depth: int) -> nn.Sequential:
    """Build a tanh network from the plane to one output, with ``depth`` hidden layers."""
    sizes = [2, *[width] * depth]
    layers = [layer for n, m in zip(sizes, sizes[1:], strict=False) for layer in (nn.Linear(n, m), nn.Tanh())]
    return nn.Sequential(*layers, nn.Linear(width, 1))


def matrix_products(net: nn.Sequential, points: int) -> Step:
    """Multiply by each weight what a jet of value, two firsts and one collapsed second must, there and back."""
    rows = 4 * points
    weights = [layer.weight.detach() for layer in net if isinstance(layer, nn.Linear)]
    inputs = [torch.randn(rows, w.shape[1], dtype=w.dtype, device=w.device) for w in weights]
    gradients = [torch.randn(rows, w.shape[0], dtype=w.dtype, device=w.device) for w in weights]

    def step() -> Tensor:
        for layer, (w, x, g) in enumerate(zip(weights, inputs, gradients, strict=True)):
            x @ w.T
            g.T @ x
            if layer:
                g @ w
        return torch.zeros(())

    return step


def by_nested_autograd(net: nn.Module, x: Tensor) -> Tensor:
    """Compute the Laplacian by reverse mode over reverse mode, as most libraries do."""
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(net(x).sum(), x, create_graph=True)
    pure = [torch.autograd.grad(gradient[:, i].sum(), x, create_graph=True)[0][:, i] for i in range(2)]
    return pure[0] + pure[1]


def by_hessian(net: nn.Module, x: Tensor) -> Tensor:
    """Compute the Laplacian as the trace of one Hessian per point."""
    hessian = torch.func.vmap(torch.func.hessian(lambda point: net(point)[0]))(x)
    return hessian.diagonal(dim1=-2, dim2=-1).sum(-1)


def steps(net: nn.Sequential, x: Tensor, f: Tensor, compiled: bool) -> dict[str, Step]:
    """Collect the ways to take one step, by name; the first is the yardstick."""
    laplacian = Derivatives([LAPLACIAN], (0, 1))

    def stepping(operator: Callable[[nn.Module, Tensor], Tensor], *, compile_it: bool = False) -> Step:
        def loss() -> Tensor:
            return (operator(net, x) - f).square().mean()

        loss = torch.compile(loss, fullgraph=True) if compile_it else loss

        def step() -> Tensor:
            net.zero_grad()
            value = loss()
            value.backward()
            return value.detach()

        return step

    def by_jets(net: nn.Module, x: Tensor) -> Tensor:
        return laplacian(net, x)[LAPLACIAN][:, 0]

    ways = {"matrix products alone": matrix_products(net, len(x)), "jets, eager": stepping(by_jets)}
    if compiled:
        ways["jets, compiled"] = stepping(by_jets, compile_it=True)
    ways["nested autograd"] = stepping(by_nested_autograd)
    ways["vmap(hessian)"] = stepping(by_hessian)
    return ways


def measure(ways: dict[str, Step], repeats: int, device: torch.device) -> dict[str, list[float]]:
    """Time every way ``repeats`` times in turn, after a warm-up; milliseconds."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(-2, repeats):
        for name, step in ways.items():
            start = time.perf_counter()
            step()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if repeat >= 0:
                times[name].append(1e3 * (time.perf_counter() - start))
    return times


def main() -> None:
    """Parse the options, check that all ways agree, time them and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--depth", type=int, default=4)
    parser.add_argument("--points", type=int, default=4096)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--no-compile", action="store_true", help="leave the compiled way out")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    device = torch.device(options.device)
    net = network(options.width, options.depth).to(device)
    x = torch.rand(options.points, 2, device=device)
    f = torch.sin(x[:, 0])
    ways = steps(net, x, f, compiled=not options.no_compile)
    losses = {name: float(step()) for name, step in list(ways.items())[1:]}
    reference = losses["nested autograd"]
    for name, loss in losses.items():
        if abs(loss - reference) > 1e-4 * abs(reference):
            raise SystemExit(f"{name} gives the loss {loss}, nested autograd {reference}: they compute something else.")
    times = measure(ways, options.repeats, device)
    print(
        f"{options.depth}x{options.width} tanh, {options.points} points, float32, {device}, "
        f"{options.threads} thread(s), torch {torch.__version__}, medians of {options.repeats} interleaved repeats"
    )
    print(f"{'residual step':24}{'median ms':>10}{'quartiles':>16}{'ratio':>8}")
    yardstick = statistics.median(times["matrix products alone"])
    for name, taken in times.items():
        low, middle, high = statistics.quantiles(taken, n=4)
        print(f"{name:24}{middle:10.1f}{f'{low:.1f} - {high:.1f}':>16}{middle / yardstick:8.2f}")


if __name__ == "__main__":
    main()
