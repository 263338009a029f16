"""Which parameters a problem depends on is known when it is made."""

import pytest
import torch

import pinnkit as pk

LINE = pk.Interval(0, 1)
LEFT = LINE.boundary["left"]


def make(c, conditions, **rest):
    given = {"equations": {"e": lambda u: u.xx - 1}} | rest
    return pk.Problem(domain=LINE, unknowns="u", conditions=conditions, parameters=[c], **given)


def test_a_parameter_that_is_used_nowhere_is_refused():
    c = pk.Parameter("c", 2.0)
    with pytest.raises(pk.InputError, match="the parameter 'c' is used nowhere, so that nothing could tell its value"):
        make(c, [pk.Dirichlet(u=1.0, on=LEFT)])
    with pytest.raises(pk.InputError, match="used nowhere"):
        make(c, [pk.Dirichlet(u=c.item(), on=LEFT, hard=True)])
    make(pk.Parameter("c", 2.0, trainable=False), [pk.Dirichlet(u=1.0, on=LEFT)])


@pytest.mark.parametrize("hard", [True, False])
def test_each_place_counts(hard):
    c = pk.Parameter("c", 2.0)
    free = [pk.Dirichlet(u=1.0, on=LEFT)]
    make(c, [pk.Dirichlet(u=c, on=LEFT, hard=hard)])
    make(c, [pk.Robin(u=1.0, alpha=lambda p: c * p.x, on=LEFT, hard=hard)])
    make(c, free, lift=lambda p: c * p.x)
    make(c, free, equations={"e": lambda u: u.xx - c})
    make(c, [], equations=None, energy=lambda u: u.x**2 / 2 - c * u)
    make(c, free, equations=None, weak=lambda u, v: u.x * v.x - c * v)
    assert c.item() == 2


@pytest.mark.parametrize("hard", [True, False])
def test_a_number_computed_once_and_for_all_is_refused(hard):
    """Changing the parameter would not change it, though its gradient says so."""
    c = pk.Parameter("c", 2.0)
    twice, squared = 2 * c, torch.exp(c)
    match = "uses a number that was computed from the parameter 'c' once and for all; compute it inside of the"
    for datum in (twice, lambda p: squared + p.x):
        with pytest.raises(pk.InputError, match=match):
            make(c, [pk.Dirichlet(u=datum, on=LEFT, hard=hard)])
    with pytest.raises(pk.InputError, match=match):
        make(c, [], equations={"e": lambda u: squared * u.xx - c})
    assert c.item() == 2
    make(c, [pk.Dirichlet(u=lambda p: 2 * c, on=LEFT, hard=hard)])
    # It has no effect where it stands, which is another matter.
    make(c, [], equations={"e": lambda u: u.xx - torch.relu(c - 5)})


@pytest.mark.parametrize("kind", ["hard", "lift"])
def test_a_tensor_that_is_not_listed_is_refused(kind):
    c, other = pk.Parameter("c", 2.0), pk.Parameter("other", 2.0)
    conditions = [pk.Dirichlet(u=other, on=LEFT, hard=True)] if kind == "hard" else []
    lift = (lambda p: other * p.x) if kind == "lift" else None
    with pytest.raises(pk.InputError, match="uses the trainable parameter 'other', which no method would train"):
        make(c, conditions, equations={"e": lambda u: c * u.xx}, lift=lift)
