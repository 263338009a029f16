"""The picture of weights and aggregation modes says what the layer holds."""

import numpy as np
import pytest
import torch

from pinnkit.errors import InputError
from pinnkit.spaces.lehmer import ComplexLehmer, Lehmer, plot_units


def made(kind, features, units):
    layer = kind(features, units, torch.Generator().manual_seed(0))
    with torch.no_grad():
        layer.v.copy_(torch.randn(units, features, generator=torch.Generator().manual_seed(1)))
    return layer


@pytest.mark.parametrize("kind", [Lehmer, ComplexLehmer])
def test_shares_and_modes(kind, tmp_path):
    layer = made(kind, 3, 2)
    with torch.no_grad():
        (layer.a if kind is ComplexLehmer else layer.s).copy_(torch.tensor([0.0, 2.0]))
    figure = plot_units(layer, ["width", "length", "age"], tmp_path / "units.png")
    mode, weights = figure.axes
    shares = (layer.weights / layer.weights.sum(1, keepdim=True)).mT.detach().numpy()
    np.testing.assert_allclose(np.asarray(weights.images[0].get_array()), shares)
    np.testing.assert_allclose(shares.sum(0), 1)
    assert [label.get_text() for label in weights.get_yticklabels()] == ["width", "length", "age"]
    assert [text.get_text() for text in weights.texts] == [f"{100 * share:.0f}" for share in shares.ravel()]
    # Markers stand at the ticks of the means they are.
    ticks = dict(zip([label.get_text() for label in mode.get_yticklabels()], mode.get_yticks(), strict=True))
    assert list(ticks) == ["minimum", "harmonic", "arithmetic", "contraharmonic", "maximum"]
    np.testing.assert_allclose(mode.get_yticks(), [-1, -0.5, 0, 0.5, 1])
    markers = next(line for line in mode.lines if line.get_marker() == "o")
    np.testing.assert_allclose(markers.get_ydata(), [ticks["harmonic"], ticks["contraharmonic"]])
    assert ("i" in mode.texts[0].get_text()) == (kind is ComplexLehmer)
    assert (tmp_path / "units.png").read_bytes().startswith(b"\x89PNG")


def test_many_units_have_a_colour_bar_instead_of_numbers():
    figure = plot_units(made(Lehmer, 4, 30))
    assert len(figure.axes) == 3 and not figure.axes[1].texts
    assert [label.get_text() for label in figure.axes[1].get_yticklabels()][0] == "feature 1"


def test_names_must_fit():
    with pytest.raises(InputError, match="2 names for 3 features; give one for each"):
        plot_units(made(Lehmer, 3, 2), ["a", "b"])
