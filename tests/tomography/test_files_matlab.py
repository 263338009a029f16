import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat
from scipy.optimize import least_squares

from pinnkit.errors import InputError
from pinnkit.tomography import Detector, FanBeam
from pinnkit.tomography.files import read_scan

MEASURED = Path(__file__).parents[3] / "shared" / "data"
PARAMETERS = {
    "angles": [[10.0, 20.0, 30.0]], "distanceSourceOrigin": 40.0, "distanceSourceDetector": 60.0, "distanceUnit": "mm",
    "geometryType": "Cone", "pixelSize": 0.05, "binningPost": 4, "pixelSizePost": 0.2, "numDetectorsPost": 5,
    "exposureTime": "1200",
}  # fmt: skip
SINOGRAM = np.arange(15.0).reshape(3, 5) - 1
EXPECTED = FanBeam((10.0, 20.0, 30.0), Detector(5, 0.2), 40.0, 60.0)


def write(tmp_path, sinogram=SINOGRAM, name="CtDataLimited", **changes):
    parameters = {key: value for key, value in (PARAMETERS | changes).items() if value is not None}
    savemat(tmp_path / "scan.mat", {name: {"type": "2d", "sinogram": sinogram, "parameters": parameters}, "x": 1.0})
    return tmp_path / "scan.mat"


@pytest.mark.parametrize("name", ["CtDataLimited", "CtDataFull", "mine"])
def test_the_geometry_is_read_from_the_file(tmp_path, name):
    scan = read_scan(write(tmp_path, name=name), rows=4)
    assert scan.geometry == EXPECTED
    assert scan.grid.shape == (4, 4) and scan.name == "scan"
    assert np.array_equal(scan.sinogram, SINOGRAM)  # line integrals as stored, negative ones too


def test_bins_may_be_given_before_binning_and_numbers_as_text(tmp_path):
    assert read_scan(write(tmp_path, pixelSizePost=None)).geometry == EXPECTED
    assert read_scan(write(tmp_path, pixelSizePost=None, binningPost=None)).geometry.detector.pitch == 0.05
    assert read_scan(write(tmp_path, distanceSourceOrigin="40.0")).geometry == EXPECTED
    metres = write(tmp_path, distanceUnit="m", distanceSourceOrigin=0.04, distanceSourceDetector=0.06)
    assert read_scan(metres).geometry == EXPECTED


def test_a_single_view_keeps_its_two_axes(tmp_path):
    scan = read_scan(write(tmp_path, sinogram=SINOGRAM[:1], angles=10.0))
    assert scan.sinogram.shape == (1, 5) and scan.geometry.angles == (10.0,)


def write_hdf5(path, **changes):
    """A file as MATLAB 7.3 writes it: a header of 512 bytes, columns first, text as numbers."""
    h5py = pytest.importorskip("h5py")

    def put(group, name, value):
        if isinstance(value, dict):
            inner = group.create_group(name)
            inner.attrs["MATLAB_class"] = np.bytes_("struct")
            for key, part in value.items():
                put(inner, key, part)
        elif isinstance(value, str):
            group[name] = np.array([[ord(letter)] for letter in value], np.uint16)
            group[name].attrs["MATLAB_class"] = np.bytes_("char")
        elif np.size(value) == 0:
            group[name] = np.zeros(2, np.uint64)  # the shape stands for the content
            group[name].attrs["MATLAB_empty"] = 1
        else:
            group[name] = np.atleast_2d(value).T

    with h5py.File(path, "w", userblock_size=512) as file:
        put(file, "CtDataFull", {"type": "2d", "sinogram": SINOGRAM, "parameters": PARAMETERS | changes})
        file.create_group("#refs#")
    header = b"MATLAB 7.3 MAT-file".ljust(116) + bytes(8) + b"\x00\x02IM"
    with open(path, "r+b") as file:
        file.write(header)
    return path


def test_version_7_3(tmp_path):
    scan = read_scan(write_hdf5(tmp_path / "scan.mat"))
    assert scan.geometry == EXPECTED and np.array_equal(scan.sinogram, SINOGRAM)
    with pytest.raises(InputError, match=r"scan.mat: angles is empty, its shape is \(0,\).$"):
        read_scan(write_hdf5(tmp_path / "scan.mat", angles=[]))


def test_a_damaged_file_of_version_7_3(tmp_path, monkeypatch):
    path = write_hdf5(tmp_path / "scan.mat")
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(InputError, match=r"^scan.mat cannot be read as a MATLAB 7.3 file: ") as caught:
        read_scan(path)
    assert "\n" not in str(caught.value)
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(InputError, match=r"^scan.mat is a MATLAB 7.3 file, which needs h5py: pip install h5py.$"):
        read_scan(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"angles": None}, r"^scan.mat: the field parameters lacks angles. There is: binningPost, distance"),
        ({"distanceSourceOrigin": None, "pixelSize": None, "pixelSizePost": None},
         r"lacks distanceSourceOrigin, pixelSizePost or pixelSize. There is"),
        ({"distanceUnit": "inch"}, r"^scan.mat: distanceUnit is 'inch'; known are mm, cm, m.$"),
        ({"geometryType": "Helical"}, r"^scan.mat: geometryType is 'Helical'; only Cone and Fan are read.$"),
        ({"numDetectorsPost": 6}, r"the sinogram has shape \(3, 5\), but numDetectorsPost, .* is 6.$"),
        ({"distanceSourceOrigin": "far"}, r"^scan.mat: the field distanceSourceOrigin must be a number, not 'far'.$"),
        ({"angles": [1.0, 2.0]}, r"^the sinogram has 3 views \(rows\), but 2 angles are given.$"),
        ({"sinogram": np.ones((2, 3, 5))}, r"sinogram must have 2 axes, but its shape is \(2, 3, 5\). A volume\?"),
    ],
)  # fmt: skip
def test_missing_and_wrong_fields(tmp_path, changes, message):
    with pytest.raises(InputError, match=message) as caught:
        read_scan(write(tmp_path, **changes))
    assert "\n" not in str(caught.value)


def test_files_of_another_structure(tmp_path):
    path = tmp_path / "scan.mat"
    savemat(path, {"image": np.ones((3, 3)), "other": {"b": 1.0, "a": 2.0}})
    expected = r"^scan.mat must have one variable with the fields sinogram and parameters, as in HTC 2022; it has none "
    with pytest.raises(InputError, match=expected + r"among image, other \(a, b\).$"):
        read_scan(path)
    scan = {"sinogram": SINOGRAM, "parameters": PARAMETERS}
    savemat(path, {"one": scan, "two": scan})
    with pytest.raises(InputError, match=r"it has one, two among one \(parameters, sinogram\), two"):
        read_scan(path)
    savemat(path, {"one": {"sinogram": SINOGRAM, "parameters": 3.0}})
    with pytest.raises(InputError, match=r"the field parameters lacks angles, .* There is: nothing.$"):
        read_scan(path)


@pytest.mark.parametrize("keep", [0, 60, 128, 200, 500])
def test_damaged_files(tmp_path, keep):
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"^scan.mat (cannot be read as a MATLAB file: |must have one)") as caught:
        read_scan(path)
    assert "\n" not in str(caught.value)


def tangents(scan):
    """Where the disc's shadow begins and ends on the detector: there the squared line integral falls linearly to 0."""
    s = scan.geometry.detector.positions()
    values = scan.sinogram - np.median(scan.sinogram[:, :40])

    def first(row, s):
        inside = int(np.argmax(row > 0.25))
        near = slice(inside, inside + 12)
        roots = np.roots(np.polyfit(s[near], row[near] ** 2, 2)).real
        return roots[np.argmin(abs(roots - s[inside]))]

    return np.array([[first(row, s), first(row[::-1], s[::-1])] for row in values])


@pytest.mark.skipif(not MEASURED.is_dir(), reason="the measured scans are not here")
def test_measured_discs_obey_the_sign_of_the_angle_and_of_the_detector():
    # A disc of radius r about c is seen between the angles atan(t / d) -+ asin(r / |c - source|), where t and d are the
    # coordinates of c - source along the detector and the central ray: its shadow grows as it comes near the source,
    # which tells the sense of rotation. (The mirror image of everything obeys it too; no data can tell these apart.)
    path = MEASURED / "htc2022_tb_fan_90deg.mat"
    scan = read_scan(path)
    stored = loadmat(path, simplify_cells=True)["CtDataLimited"]
    assert scan.geometry.source_origin == stored["parameters"]["distanceSourceOrigin"]
    assert np.array_equal(scan.sinogram, stored["sinogram"])
    seen, geometry = tangents(scan), scan.geometry

    def misfit(sign):
        angles = sign * np.radians(geometry.angles)
        along, across = np.stack([np.cos(angles), np.sin(angles)]), np.stack([-np.sin(angles), np.cos(angles)])

        def residual(disc):
            x, y, radius = disc
            seen_from = np.array([[x], [y]]) + geometry.source_origin * across
            t, d = (seen_from * along).sum(0), (seen_from * across).sum(0)
            middle, half = np.arctan2(t, d), np.arcsin(radius / np.hypot(t, d))
            expected = geometry.source_detector * np.tan(np.stack([middle - half, middle + half], 1))
            return (expected - seen).ravel()

        disc = least_squares(residual, [0.0, 0.0, 35.0], loss="soft_l1", f_scale=0.05).x
        return float(np.sqrt(np.mean(residual(disc) ** 2))), disc

    right, disc = misfit(1)
    wrong, _ = misfit(-1)
    assert right < 0.06 < 0.12 < wrong  # mm, where a bin is 0.2 mm wide
    assert disc[2] == pytest.approx(35.0, abs=0.3)  # the discs are made with a diameter of 70 mm


@pytest.mark.skipif(not MEASURED.is_dir(), reason="the measured scans are not here")
@pytest.mark.parametrize(("name", "views"), [("htc2022_tb_fan_90deg.mat", 181), ("htc2022_tb_fan_30deg.mat", 61)])
def test_measured_scans_are_explained_by_an_image(name, views):
    import torch

    from pinnkit.tomography import Projector

    scan = read_scan(MEASURED / name, rows=64)
    assert scan.geometry.shape == (views, 560)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the detector covers the image
        A = Projector(scan.geometry, scan.grid, torch.float64).linear_operator()
    from scipy.sparse.linalg import lsqr

    residual = lsqr(A, scan.sinogram.ravel(), iter_lim=15)[3]
    assert residual < 0.03 * np.linalg.norm(scan.sinogram)
