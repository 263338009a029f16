import numpy as np
import pytest
from PIL import Image

from pinnkit.errors import InputError
from pinnkit.tomography import Detector, ImageGrid, ParallelBeam
from pinnkit.tomography.files import read_image, read_scan, write_png, write_tiff
from pinnkit.tomography.files.images import length_text, round_length

GREY8 = np.arange(24, dtype=np.uint8).reshape(4, 6) * 11
GREY16 = GREY8.astype(np.uint16) * 257
GRID = ImageGrid(40, 60, 1.5)


def save(path, values, **options):
    Image.fromarray(values).save(path, **options)
    return path


@pytest.mark.parametrize("values", [GREY8, GREY16], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.tiff"])
def test_greys_become_numbers(tmp_path, values, name):
    path = save(tmp_path / name, values)
    expected = -1 + 4 * (GREY8 / 255)
    assert np.allclose(read_image(path, white=3.0, black=-1.0), expected, rtol=0, atol=1e-14)


def test_tiffs_of_real_numbers_are_kept_and_big_endian_ones_read(tmp_path):
    values = np.linspace(-1, 2, 12, dtype=np.float32).reshape(3, 4)
    assert np.array_equal(read_image(save(tmp_path / "a.tif", values)), values)
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "b.tif", GREY16, byteorder=">")
    assert np.allclose(read_image(tmp_path / "b.tif", 255.0), GREY8, rtol=0, atol=1e-12)


def test_a_picture_of_a_sinogram(tmp_path):
    path = save(tmp_path / "sino.png", GREY16)
    scan = read_scan(path, kind="parallel", angles=[0, 45, 90, 135], pitch=2.0, white=5.0)
    assert scan.geometry == ParallelBeam([0, 45, 90, 135], Detector(6, 2.0))
    assert np.allclose(scan.sinogram, 5 * (GREY8 / 255))
    with pytest.raises(InputError, match=r"^sino.png lacks kind, angles, pitch. There is: sinogram. Known"):
        read_scan(path, white=5.0)
    with pytest.raises(InputError, match=r"^sino.png holds greys from 0 to 65535: say what the whitest stands for, wh"):
        read_scan(path, kind="parallel", angles=[0, 45, 90, 135], pitch=2.0)


def test_pictures_that_are_refused(tmp_path):
    colour = save(tmp_path / "a.png", np.zeros((3, 4, 3), np.uint8))
    with pytest.raises(InputError, match=r"^a.png is not a greyscale picture of 8 or 16 bits \(mode RGB\); conv"):
        read_image(colour, 1.0)
    pages = [Image.fromarray(GREY8)] * 3
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(InputError, match=r"^a.tif holds 3 images, a volume; give a file of one.$"):
        read_image(tmp_path / "a.tif", 1.0)
    for white, black in ((0.0, 0.0), (np.nan, 0.0), (1.0, np.inf)):
        with pytest.raises(InputError, match="say what the whitest stands for"):
            read_image(save(tmp_path / "a.png", GREY8), white, black)
    with pytest.raises(InputError, match="there is no file"):
        read_image(tmp_path / "none.png", 1.0)


@pytest.mark.parametrize("keep", [0, 5, 40, 60])
def test_damaged_pictures(tmp_path, keep):
    path = save(tmp_path / "a.png", GREY8)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"^a.png cannot be read as an image: ") as caught:
        read_image(path, 1.0)
    assert "\n" not in str(caught.value)


def test_a_tiff_is_read_again_within_half_a_step_or_as_it_was(tmp_path):
    image = np.random.default_rng(0).uniform(-1000, 1500, GRID.shape)
    write_tiff(image, tmp_path / "a.tif", GRID, -1000.0, 1500.0)
    assert np.abs(read_image(tmp_path / "a.tif", 1500.0, -1000.0) - image).max() <= 2500 / 65535 / 2 * (1 + 1e-9)
    with Image.open(tmp_path / "a.tif") as picture:
        assert picture.info["dpi"] == pytest.approx((25.4 / 1.5, 25.4 / 1.5), rel=1e-5)
    with pytest.raises(InputError, match=r"^the image goes from -9.* to 14.*, beyond black=0 and white=2000; clip it"):
        write_tiff(image, tmp_path / "a.tif", GRID, 0.0, 2000.0)
    write_tiff(image, tmp_path / "a.tif", GRID)
    assert np.array_equal(read_image(tmp_path / "a.tif"), image.astype(np.float32))


@pytest.mark.parametrize("shape", [(40, 60), (60, 20), (30, 30)])
def test_a_picture_keeps_the_proportions_and_the_scale(tmp_path, shape):
    grid = ImageGrid(*shape, 1.5, (7.0, -3.0))
    write_png(np.full(shape, -500.0), tmp_path / "a.png", grid, window=(0.0, 2000.0), colours="viridis")
    pixels = np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).astype(int)
    # the image has one colour, that of a quarter of the map; the colour bar has it in a row or two
    same = (np.abs(pixels - [59, 82, 139]).sum(-1) < 9).nonzero()
    rows, columns = np.unique(same[0]), np.bincount(same[1], minlength=pixels.shape[1])
    height, width = np.ptp(rows) + 1, (columns > 0.2 * len(rows)).sum()
    assert width / height == pytest.approx(shape[1] / shape[0], rel=0.02)
    # the bar is the longest run of white inside the image
    inside = pixels[rows[0] : rows[-1] + 1, (columns > 0.2 * len(rows)).nonzero()[0]]
    longest = max(len(run) for row in (inside > 250).all(-1) for run in "".join("x" if p else " " for p in row).split())
    assert longest / width == pytest.approx(round_length(shape[1] * 1.5 / 4) / (shape[1] * 1.5), rel=0.05)


def test_any_finite_image_is_drawn(tmp_path):
    for image in (np.zeros(GRID.shape), np.eye(40, 60) * 1e-3, np.full(GRID.shape, 1e5)):
        write_png(image, tmp_path / "a.png", GRID, unit="1/mm", title="µ", colours="magma")
        assert Image.open(tmp_path / "a.png").size[0] > 300


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (np.ones((4, 4)), {}, r"^the image has shape \(4, 4\), the grid \(40, 60\).$"),
        (np.full(GRID.shape, np.nan), {}, r"^2400 of 2400 values of the image are not finite.$"),
        (np.ones(GRID.shape), {"unit": "1/cm"}, r"^the unit must be HU or 1/mm, not '1/cm'.$"),
        (np.ones(GRID.shape), {"window": (40.0, 0.0)}, r"^a window is a finite centre and a positive width, got \(40"),
    ],
)
def test_pictures_that_are_not_drawn(tmp_path, image, options, message):
    with pytest.raises(InputError, match=message):
        write_png(image, tmp_path / "a.png", GRID, **options)
    assert not (tmp_path / "a.png").exists()


def test_lengths_of_scale_bars():
    given = [0.00123, 0.5, 0.99, 1.0, 9.99, 10.0, 49.0, 50.0, 1200.0]
    assert [round_length(most) for most in given] == pytest.approx([0.001, 0.5, 0.5, 1, 5, 10, 20, 50, 1000])
    texts = ["1 µm", "500 µm", "500 µm", "1 mm", "5 mm", "1 cm", "2 cm", "5 cm", "1 m"]
    assert [length_text(round_length(most)) for most in given] == texts
