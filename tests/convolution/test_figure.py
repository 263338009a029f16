"""The picture of a layer's kernels."""

import pytest
import torch
from torch import nn

from pinnkit.convolution import AnalyticConv2d, draw_kernels
from pinnkit.convolution.figure import COLOURS, _places, _title
from pinnkit.convolution.mosaic import NAMES
from pinnkit.errors import InputError


def test_the_picture_has_the_colours_of_the_families(tmp_path):
    import matplotlib.image

    path = tmp_path / "kernels.png"
    draw_kernels(AnalyticConv2d(2, 20, 5, mosaic="G20 Lt10 P10"), path, "title")
    picture = torch.from_numpy(matplotlib.image.imread(path)[..., :3])
    assert picture.shape[0] > 200 and picture.shape[1] > 900

    def area(name):
        colour = torch.tensor([int(COLOURS[name][i : i + 2], 16) / 255 for i in (1, 3, 5)])
        return ((picture - colour).abs().amax(2) < 2e-2).sum().item()

    assert area("G") == pytest.approx(2 * area("Lt"), rel=0.1)
    assert area("G") > 1000 and not any(area(name) for name in ("Lg", "Tf", "Ts"))
    assert list(COLOURS) == list(NAMES)


@pytest.mark.parametrize(("outputs", "inputs"), [(64, 3), (6, 1), (16, 6), (1, 5), (7, 40)])
def test_kernels_do_not_overlap_and_lie_on_the_sheet(outputs, inputs):
    left, top, columns, rows = _places(outputs, inputs, 6.0, 4.0, 1.0)
    assert left.min() >= 0 and (left + 3).max() <= columns and top.min() >= 0 and (top + 5).max() <= rows
    x, y = left.expand(outputs, inputs).flatten(), top.flatten()
    apart = ((x[:, None] - x).abs() >= 4) | ((y[:, None] - y).abs() >= 6)
    assert (apart | torch.eye(len(x), dtype=torch.bool)).all()


def test_titles_and_a_zero_kernel(tmp_path):
    assert _title(AnalyticConv2d(3, 4, 5, mosaic="G"), "") == "(3x4) G12"
    conv = nn.Conv2d(1, 2, 5)
    conv.weight.data.zero_()
    layer = AnalyticConv2d.from_conv2d(conv)
    assert _title(layer, "first") == f"first\n(1x2) {layer.mosaic}, relative error 0"
    draw_kernels(layer, tmp_path / "zero.png")


def test_other_layers():
    with pytest.raises(InputError, match="draw_kernels draws an AnalyticConv2d, got Conv2d"):
        draw_kernels(nn.Conv2d(1, 2, 3), "nowhere.png")
