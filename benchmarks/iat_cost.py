"""Time the exact IAT-ReLU against its midpoint form with M = 4d, forward and backward.

For every pair of bases both compute the gradient of ``(g * y).sum()`` by x for the same fixed g; the script checks that
the two agree to the error of the midpoint rule before it times them. Repeats are interleaved, so that a busy machine
slows both alike.

    python benchmarks/iat_cost.py [--size 64] [--samples 4096] [--repeats 9] [--threads 1] [--dtype float64]
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from pinnkit.spaces.iat import IATM, IATReLU, basis

PAIRS = {
    "pwl -> pwl": 3,
    "pwl -> pwq": 3,
    "pwl -> rect": 3,
    "pwl-w -> pwl-w": 3,
    "pwl -> fourier": 3,
    "pwq -> pwq": 25,
    "fourier -> pwl": 25,
    "fourier -> fourier": 25,
}
"""Input and output basis, and how many midpoint forms the exact transform may cost."""


def timed(module: torch.nn.Module, x: torch.Tensor, g: torch.Tensor) -> tuple[float, torch.Tensor]:
    """Run forward and backward once; milliseconds and the gradient."""
    x = x.detach().requires_grad_()
    start = time.perf_counter()
    module(x).backward(g)
    return 1e3 * (time.perf_counter() - start), x.grad


def main() -> None:
    """Parse the options, check and time every pair, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--samples", type=int, default=4096)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float64")
    parser.add_argument("--pairs", nargs="*", default=list(PAIRS), choices=list(PAIRS))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    dtype = getattr(torch, options.dtype)
    generator = torch.Generator().manual_seed(0)
    x, g = torch.randn(2, options.samples, options.size, generator=generator, dtype=torch.float64).to(dtype)
    print(
        f"d = {options.size}, {options.samples} samples, {options.dtype}, {options.threads} thread(s), "
        f"torch {torch.__version__}, forward and backward, medians of {options.repeats} interleaved repeats"
    )
    print(f"{'':20}{'exact ms':>10}{'midpoint ms':>13}{'ratio':>8}{'limit':>8}{'difference':>12}")
    for pair in options.pairs:
        p, q = (basis(name, options.size) for name in pair.split(" -> "))
        exact, midpoint = IATReLU(p, q).to(dtype), IATM(p, q, torch.relu, 4 * options.size).to(dtype)
        gradients = [timed(module, x, g)[1] for module in (exact, midpoint)]
        difference = ((gradients[0] - gradients[1]).norm() / gradients[0].norm()).item()
        if difference > 0.2:
            raise SystemExit(f"{pair}: the gradients differ by {difference:.1e}: they compute something else.")
        times = [[timed(module, x, g)[0] for module in (exact, midpoint)] for _ in range(options.repeats)]
        a, b = (statistics.median(column) for column in zip(*times, strict=True))
        ratio = statistics.median(first / second for first, second in times)
        print(f"{pair:20}{a:10.1f}{b:13.1f}{ratio:8.2f}{PAIRS[pair]:8}{difference:12.1e}", flush=True)


if __name__ == "__main__":
    main()
