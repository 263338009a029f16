import os
import pathlib
import subprocess
import sys

import pinnkit

PROBE = """
import random, sys
import numpy, torch
before = torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()
states = torch.get_rng_state(), str(numpy.random.get_state()), random.getstate()
import pinnkit
assert (torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()) == before
assert torch.equal(torch.get_rng_state(), states[0])
assert (str(numpy.random.get_state()), random.getstate()) == states[1:]
heavy = ["scipy", "meshio", "matplotlib", "PIL", "typer", "click", "rich", "safetensors", "pandas", "pydicom"]
print([name for name in heavy if name in sys.modules])
"""
LAYERS = """
import sys, torch
import pinnkit as pk
pk.MLP().build(pk.Interval(0, 1).bounds, 1, torch.Generator())
print("sympy" in sys.modules)
"""


def test_importing_changes_nothing_and_imports_nothing_heavy():
    assert printed(PROBE) == "[]"


def test_layers_are_made_without_the_symbolic_part_of_torch():
    assert printed(LAYERS) == "False"


def printed(code):
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(pinnkit.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.stderr == ""
    return done.stdout.strip()
