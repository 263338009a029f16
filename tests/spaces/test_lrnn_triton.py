"""The Triton kernel against the torch one, in Triton's interpreter on the CPU."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="triton is not installed")
ROOT = Path(__file__).parents[2]

SCRIPT = """
import torch
from pinnkit.spaces.lrnn import kernel
from pinnkit.spaces.lrnn.factors import Factors
from pinnkit.spaces.lrnn.triton_kernel import ACTIVATIONS, TritonFactors

def numbers(kind, product, gradient, arguments):
    kernel.factors_for = lambda x, activation: kind
    back = product.pulled_back((True,) * 4)
    return [*product.evaluate(*arguments), *back.evaluate(gradient, *arguments)]

cases = [(a, torch.float64, 1e-13) for a in ACTIVATIONS]
for activation, dtype, tolerance in [*cases, (torch.sin, torch.float32, 5e-6), (torch.sin, torch.bfloat16, 1e-2)]:
    for n, hidden, components, rank, d, offset in ((37, 1, 2, 34, 3, True), (35, 2, 3, 3, 2, False)):
        generator = torch.Generator().manual_seed(n)
        columns = hidden * components * rank
        shapes = [(n, d), (columns, d), (columns,), (hidden, components, rank), (n, rank)]
        *arguments, gradient = (torch.randn(s, generator=generator).to(dtype) for s in shapes)
        arguments[0][0] = 0
        arguments[2][:4] = 0  # arguments of the activation that are exactly zero
        product = kernel.Product(activation, offset, 36)
        pairs = zip(*(numbers(k, product, gradient, arguments) for k in (TritonFactors, Factors)), strict=True)
        for found, expected in pairs:
            assert found.dtype == expected.dtype == dtype and found.shape == expected.shape
            error = ((found - expected).abs().max() / expected.abs().max()).item()
            assert error < tolerance, (dtype, activation, n, error)
print("equal")
"""


def test_in_the_interpreter():
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=300)
    assert run.stdout.endswith("equal\n"), run.stderr


def test_triton_is_not_imported_on_a_machine_without_a_gpu():
    assert importlib.util.find_spec("triton")
    script = """
import sys, torch, pinnkit
from pinnkit.spaces.lrnn.kernel import factors_for
from pinnkit.spaces.lrnn.factors import Factors
assert factors_for(torch.zeros(1), torch.sin) is Factors
assert "pinnkit.spaces.lrnn.triton_kernel" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
