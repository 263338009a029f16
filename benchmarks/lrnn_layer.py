"""Time one layer of product neurons, forward and backward: the memory-lean kernel against plain autograd.

The yardstick is the layer's three matrix products alone, x W^T, dz^T x and dz W, with no elementwise work. The script
checks that both ways give the same gradients. Repeats of the yardstick and the kernel are interleaved, so that a busy
machine slows both alike. Plain autograd is timed after them: the memory that it maps and frees makes the page faults of
whatever comes next cheaper, which was seen to speed the yardstick up by a fifth.

Peak memory is that of one step beyond its inputs and parameters, outputs and gradients included: on the CPU the growth
of the process's resident set in a process of its own for each way (`VmHWM` of Linux, reset before the step), on a GPU
`torch.cuda.max_memory_allocated`. On a GPU the table also gives the matrix products' work over the time taken, as a
fraction of what one large matrix product reaches there; --tf32 lets both use TF32.

    python benchmarks/lrnn_layer.py [--threads 1] [--dtype float32] [--repeats 15] [--device cpu|cuda]
                                    [--points 8192] [--rank 101] [--components 16] [--inputs 101]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from pinnkit.spaces.lrnn.kernel import plain_product, product_neurons

Step = Callable[[], tuple[Tensor, ...]]
PRODUCTS, PLAIN, LEAN = "three matrix products", "plain autograd", "memory-lean kernel"


def steps(options: argparse.Namespace) -> dict[str, Step]:
    """Collect the ways to take one step, by name; the first is the yardstick."""
    generator = torch.Generator().manual_seed(0)
    n, d, r, components = options.points, options.inputs, options.rank, options.components
    columns = r * components

    def made(*shape: int, scale: float = 1.0) -> Tensor:
        values = scale * torch.randn(shape, generator=generator)
        return values.to(options.device, getattr(torch, options.dtype))

    x, weight, bias = made(n, d), made(columns, d, scale=d**-0.5), made(columns)
    amplitude, gradient = made(1, components, r, scale=components**-0.5), made(n, r)
    arguments = [tensor.requires_grad_() for tensor in (x, weight, bias, amplitude)]

    def step(function: Callable[..., Tensor]) -> tuple[Tensor, ...]:
        y = function(*arguments, activation=torch.sin)
        return (y.detach(), *torch.autograd.grad(y, arguments, gradient))

    ways: dict[str, Step] = {PLAIN: partial(step, plain_product), LEAN: partial(step, product_neurons)}
    if options.memory_of:
        return ways
    by_z = made(n, columns)

    @torch.no_grad()
    def products() -> tuple[Tensor, ...]:
        x @ weight.mT  # noqa: B018
        return by_z.mT @ x, by_z @ weight

    return {PRODUCTS: products, **ways}


def check(ways: dict[str, Step], dtype: str) -> None:
    """Stop if the two ways differ."""
    for a, b in zip(ways[PLAIN](), ways[LEAN](), strict=True):
        error = ((a - b).abs().max() / a.abs().max()).item()
        if not error < (1e-11 if dtype == "float64" else 1e-4):
            raise SystemExit(f"the memory-lean kernel differs from plain autograd by {error:.1e}.")


def timed(step: Step, device: str) -> float:
    """Take a step and give its milliseconds."""
    start = time.perf_counter()
    step()
    if device == "cuda":
        torch.cuda.synchronize()
    return 1e3 * (time.perf_counter() - start)


def resident(field: str) -> int:
    """Read a field of this process's status, in bytes: VmRSS now, VmHWM the peak since it was reset."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return 1024 * int(line.split()[1])


def peak(name: str, step: Step, options: argparse.Namespace) -> int:
    """Measure the peak memory of one step, in bytes."""
    if options.device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        return torch.cuda.max_memory_allocated() - before
    child = subprocess.run([sys.executable, *sys.argv, "--memory-of", name], capture_output=True, text=True)
    if child.returncode:
        raise SystemExit(child.stderr)
    return int(child.stdout)


def peak_in_this_process(name: str, options: argparse.Namespace) -> int:
    """Measure the growth of the resident set during one step, after a small one has loaded what is loaded once."""
    small = argparse.Namespace(**{**vars(options), "points": 16, "rank": 2, "inputs": 2})
    steps(small)[name]()
    step = steps(options)[name]
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM
    step()
    return resident("VmHWM") - before


def card_peak(options: argparse.Namespace) -> float:
    """Measure the operations per second of one large matrix product."""
    a = torch.randn(8192, 8192, device=options.device).to(getattr(torch, options.dtype))
    return 2 * 8192**3 / (1e-3 * min(timed(lambda: (a @ a,), options.device) for _ in range(5)))


def main() -> None:
    """Parse the options, check that both ways agree, measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--points", type=int, default=8192)
    parser.add_argument("--rank", type=int, default=101)
    parser.add_argument("--components", type=int, default=16)
    parser.add_argument("--inputs", type=int, default=101)
    parser.add_argument("--tf32", action="store_true", help="on a GPU, let matrix products use TF32")
    parser.add_argument("--memory-of", choices=(PLAIN, LEAN), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.backends.cuda.matmul.allow_tf32 = options.tf32
    if options.memory_of:
        print(peak_in_this_process(options.memory_of, options))
        return
    ways = steps(options)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for names in ((PRODUCTS, LEAN), (PLAIN,)):
        for repeat in range(-2, options.repeats):
            for name in names:
                taken = timed(ways[name], options.device)
                if repeat >= 0:
                    times[name].append(taken)
    check(ways, options.dtype)
    memory = {name: peak(name, ways[name], options) / 2**20 for name in (PLAIN, LEAN)}
    print(
        f"product layer, {options.points} points, r = {options.rank}, D = {options.components}, d = {options.inputs}, "
        f"{options.dtype}, {options.device}, {options.threads} thread(s), torch {torch.__version__}, "
        f"medians of {options.repeats} interleaved repeats"
    )
    on_card = options.device == "cuda"
    print(f"{'forward + backward':24}{'median ms':>10}{'quartiles':>16}{'ratio':>8}{'peak MiB':>10}{'of plain':>10}"
          + f"{'of the card':>13}" * on_card)  # fmt: skip
    work = 6 * options.points * options.rank * options.components * options.inputs
    fastest = card_peak(options) if on_card else 1.0
    yardstick = statistics.median(times[PRODUCTS])
    for name, taken in times.items():
        low, middle, high = statistics.quantiles(taken, n=4)
        used = f"{memory[name]:10.1f}{memory[name] / memory[PLAIN]:10.3f}" if name in memory else " " * 20
        share = f"{work / (1e-3 * middle) / fastest:13.0%}" if on_card else ""
        print(f"{name:24}{middle:10.1f}{f'{low:.1f} - {high:.1f}':>16}{middle / yardstick:8.2f}{used}{share}")


if __name__ == "__main__":
    main()
