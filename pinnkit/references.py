"""The literature behind a solution, as BibTeX."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .errors import InputError
from .solution import Solution
from .spaces import Space

METHODS = {
    "least-squares": ("huang2006elm", "dwivedi2020pielm"),
    "continuation": ("huang2006elm", "dwivedi2020pielm"),
    "adam": ("raissi2019pinn", "kingma2015adam"),
    "lbfgs": ("raissi2019pinn", "liu1989lbfgs"),
    "ssbroyden": ("raissi2019pinn", "albaali1998selfscaling", "urban2025optimization"),
    "soap": ("raissi2019pinn", "vyas2025soap"),
    "ritz": ("e2018deepritz",),
    "identification": ("raissi2019pinn", "tarantola2005inverse"),
    "time-marching": ("hairer1996solving",),
    "gauss-newton": ("muller2023engd", "golub1973varpro", "transtrum2012geodesic", "frangella2023nystrom"),
}
"""Keys of the literature of each method."""


@dataclass(frozen=True)
class Entry:
    """One entry of a BibTeX file.

    Attributes:
        text: the whole entry as it is written.
        fields: its fields by name, without their outer braces.
    """

    text: str
    fields: dict[str, str]

    @property
    def short(self) -> str:
        """Authors, year and where to find it, such as "Sitzmann et al. 2020, arXiv:2006.09661"."""
        names = [name.partition(",")[0].strip("{}") for name in self.fields["author"].split(" and ")]
        authors = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
        places = (("eprint", "arXiv:"), ("doi", "doi:"), ("url", ""))
        found = [f", {prefix}{self.fields[field]}" for field, prefix in places if field in self.fields]
        return f"{authors} {self.fields['year']}" + "".join(found[:1])


@cache
def entries() -> dict[str, Entry]:
    """Read our own BibTeX file, in which every entry begins with @ and every field at the start of a line.

    Returns:
        The entries by key.
    """
    found = {}
    for text in re.split(r"\n+(?=@)", Path(__file__).with_suffix(".bib").read_text(encoding="utf-8").strip()):
        key, _, body = text.partition("{")[2].partition(",\n")
        fields = re.findall(r"^  (\w+) = \{(.*?)\},$", body, re.MULTILINE | re.DOTALL)
        found[key] = Entry(text, {name: " ".join(value.split()) for name, value in fields})
    return found


def cite(solution: Solution) -> str:
    """Give the literature to cite for a solution: pinnkit, its trial space, the form of its problem and its method.

    Args:
        solution: from `solve` or `load_solution`.

    Returns:
        BibTeX entries.

    Raises:
        InputError: it is no solution.
    """
    if not isinstance(solution, Solution):
        raise InputError(f"cite takes a solution, as solve and load_solution give it, got {solution!r}.")
    # Charts are made of further spaces.
    spaces = [module for module in solution.trial.modules() if isinstance(module, Space)]
    methods = str(solution.metrics.get("method", "")).split("+")
    problem = solution.task.problem
    keys = [
        "pinnkit",
        *(key for space in spaces for key in space.references),
        *(("kharazmi2021hpvpinns",) if problem.weak else ()),
        *(("sukumar2022exact",) if problem.hard.by_distance else ()),
        *(key for method in methods for key in METHODS.get(method, ())),
    ]
    # A space of the user's own may name literature that only the user has; BibTeX passes over what is no entry.
    known = entries()
    texts = [known[key].text if key in known else f"% {key}: see the space itself" for key in dict.fromkeys(keys)]
    return "\n\n".join(texts) + "\n"
