"""The code of the guides runs, as it stands."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.parametrize(("name", "numbers"), [("materials", [329.3819, 329.5075, 5.0])])
def test_the_code_of_a_guide_runs_and_prints_what_it_says(name, numbers, capsys):
    text = (DOCS / f"{name}.md").read_text()
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, f"{name}.md", "exec"), names)  # noqa: S102
    printed = [float(number) for number in re.findall(r"-?\d+\.\d*(?:e[-+]?\d+)?", capsys.readouterr().out)]
    assert printed == pytest.approx(numbers, rel=1e-6)
