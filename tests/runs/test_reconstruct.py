"""From a scan to an image through the command line: folder, metrics, signals, and one line for each wrong input."""

import dataclasses
import json
import pathlib
import signal

import numpy as np
import pytest
import torch
from commandline import run
from PIL import Image
from scipy.io import savemat

import pinnkit as pk
from pinnkit import tomography
from pinnkit.methods import Status
from pinnkit.runs.image_metrics import Rating
from pinnkit.tomography import CLASSICAL, read_scan, shepp_logan, write_scan

SMALL = ["--space", "siren", "--set", "space.width=8", "--set", "space.depth=1", "--budget", "60steps"]
KEYS = {
    "problem", "space", "method", "parameters", "trainable", "steps", "seconds", "status", "reason", "residual",
    "estimated_error", "relative_l2", "max_error", "seed", "dtype", "device", "peak_memory_bytes", "psnr", "ssim",
    "data_residual", "psnr_oracle", "chi_squared", "weight", "references",
}  # fmt: skip
FILES = {
    "run.json", "metrics.json", "history.jsonl", "history.png", "image.npy", "image.tiff", "image.png", "image.dcm",
    "comparison.png",
}  # fmt: skip


@pytest.fixture
def pictures():
    """Asks for pictures, which take longer than all else."""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    if "pictures" not in request.fixturenames:
        for name in ("draw_comparison", "draw_progress"):
            monkeypatch.setattr(f"pinnkit.runs.image_folder.{name}", lambda *unused: None)
        monkeypatch.setattr(tomography, "write_png", lambda *unused: None)


@pytest.fixture
def scan():
    """The file of a noisy scan of a head of 32 x 32 pixels."""
    write_scan(shepp_logan(views=12, counts=1e3, size=32), "scan.npz")
    return "scan.npz"


def metrics(out="out"):
    return json.loads((pathlib.Path(out) / "metrics.json").read_text())


def test_a_scan_becomes_an_image_with_the_classical_ones_beside_it(scan, pictures):
    code, out, err = run("reconstruct", scan, *SMALL, "--out", "out")
    assert (code, err) == (0, "")
    found = metrics()
    assert {path.name for path in pathlib.Path("out").iterdir()} == FILES
    assert found.keys() >= KEYS
    image, truth = np.load("out/image.npy"), read_scan(scan).truth
    assert image.shape == (32, 32) and image.dtype == np.float32
    assert np.array_equal(tomography.read_image("out/image.tiff"), image)
    assert found["psnr"] == pytest.approx(tomography.psnr(image, truth))
    assert found["relative_l2"] == pytest.approx(np.linalg.norm(image - truth) / np.linalg.norm(truth))
    assert found["max_error"] == pytest.approx(abs(image - truth).max())
    assert found["residual"] == found["data_residual"]
    assert found["parameters"] == found["trainable"] == 8 * 2 + 8 + 8 + 1
    assert (found["space"], found["problem"], found["seed"]) == ("SIREN", "Shepp-Logan", 0)
    assert found["estimated_error"] is None
    assert list(found["references"]) == [method.name for method in CLASSICAL]
    rated = {"psnr", "ssim", "data_residual", "chi_squared"}
    for row in found["references"].values():
        assert row.keys() == rated | {"seconds", "reason", "weight", "iterations"}
    assert found["references"]["TV"]["chi_squared"] == pytest.approx(1, abs=0.1)
    lines = [json.loads(line) for line in pathlib.Path("out/history.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == found["steps"] >= 60
    assert found["psnr_oracle"] == pytest.approx(max(line["psnr"] for line in lines))
    rows = [line.split()[0] for line in out.splitlines()[3:10]]
    assert rows == ["FBP", "FBP", "CGLS", "SIRT", "TV", "TV", "SIREN"]
    assert "oracle, for comparison only" in out
    assert len({len(line) for line in out.splitlines()[2:9]}) == 1


def test_the_gallery_takes_the_same_walk_and_the_run_can_be_repeated_from_its_record():
    command = ["solve", "ct-shepp-logan", "--set", "problem.size=32", "--set", "problem.views=9", *SMALL]
    code, _, err = run(*command, "--set", "method.regulariser=none", "--set", "method.members=2", "--out", "out")
    assert (code, err) == (0, "")
    found, record = metrics(), json.loads(pathlib.Path("out/run.json").read_text())
    spread = np.load("out/uncertainty.npy")
    assert found["estimated_error"] == pytest.approx(np.linalg.norm(spread) / np.linalg.norm(np.load("out/image.npy")))
    assert record["problem"] == "ct-shepp-logan" and record["problem_arguments"] == {"size": 32, "views": 9}
    assert (record["regulariser"], record["members"], record["budget"]) == ("none", 2, "60steps")
    assert record["geometry"]["angles"] == "9 from 0 to 160 degrees"
    assert found["chi_squared"] is None and found["weight"] is None
    first = np.load("out/image.npy")
    assert run(*command, "--set", "method.regulariser=none", "--set", "method.members=2", "--out", "out").code == 0
    assert np.array_equal(np.load("out/image.npy"), first)
    # A run of another kind in the same folder leaves nothing of this one.
    assert run(*command, "--out", "out").code == 0
    assert not pathlib.Path("out/uncertainty.npy").exists()
    for command in (["resume", "out"], ["evaluate", "out", "--points", "p.csv"]):
        pathlib.Path("p.csv").write_text("x,y\n0,0\n")
        code, _, err = run(*command)
        assert code == 2 and "holds an image, which cannot be continued or evaluated" in err


def test_a_scan_without_a_truth_has_no_error_and_a_picture_all_the_same(scan, pictures):
    write_scan(dataclasses.replace(read_scan(scan), truth=None, variance=None), "blind.npz")
    code, out, _ = run("reconstruct", "blind.npz", *SMALL, "--members", "2", "--out", "out")
    assert code == 0
    found = metrics()
    for key in ("psnr", "ssim", "psnr_oracle", "relative_l2", "max_error", "chi_squared"):
        assert found[key] is None
    assert found["references"]["TV"]["psnr"] is None and found["data_residual"] > 0
    assert "PSNR" not in out and "oracle" not in out and "data residual" in out
    assert {path.name for path in pathlib.Path("out").iterdir()} == FILES | {"uncertainty.npy", "uncertainty.png"}


def test_a_sinogram_as_a_picture_is_completed_by_settings(scan):
    sinogram = read_scan(scan).sinogram
    grey = np.rint(255 * sinogram.clip(0, None) / sinogram.max()).astype(np.uint8)
    Image.fromarray(grey).save("scan.png")
    settings = ["kind=parallel", "angles=0:180:15", "pitch=8", f"white={sinogram.max():.6f}", "rows=24"]
    given = [part for setting in settings for part in ("--set", f"geometry.{setting}")]
    code, _, err = run("reconstruct", "scan.png", *given, *SMALL, "--out", "out")
    assert (code, err) == (0, "")
    assert np.load("out/image.npy").shape == (24, 24)


def test_a_reference_scan_gives_a_correlation_that_says_what_it_is(pictures):
    for views, name in ((10, "few.npz"), (40, "many.npz")):
        write_scan(dataclasses.replace(shepp_logan(views, size=32), truth=None, name=name), name)
    settings = ["--set", "problem.path=few.npz", "--set", "problem.reference=many.npz", "--set", "problem.rows=32"]
    code, out, _ = run("solve", "ct-htc2022", *settings, *SMALL, "--out", "out")
    assert code == 0
    found = metrics()
    disc = tomography.segment(tomography.TotalVariation().reconstruct(read_scan("many.npz")))
    assert found["correlation"] == tomography.correlation(tomography.segment(np.load("out/image.npy")), disc)
    few = tomography.segment(tomography.TotalVariation().reconstruct(read_scan("few.npz")))
    assert found["references"]["TV"]["correlation"] == tomography.correlation(few, disc) > 0
    assert "correlation: of the segmented image" in out and "scan many.npz, a stand-in for the truth" in out
    assert "stand-in" in found["correlation_note"]


def test_a_reference_must_be_on_the_same_grid():
    scan, other = shepp_logan(5, size=16), shepp_logan(5, size=24)
    scan.notes["reference"] = other
    with pytest.raises(pk.InputError, match="the reference Shepp-Logan is on another grid than Shepp-Logan."):
        Rating(scan, tomography.Projector(scan.geometry, scan.grid))


def interrupting(number):
    """Gives a reconstruction that meets a signal at its first checkpoint, and the arguments of that."""
    calls = []
    whole = tomography.reconstruct

    def reconstruct(scan, observer, **arguments):
        def watch(*values):
            observer(*values)
            calls.append(values)
            signal.raise_signal(number)

        return whole(scan, observer=watch, **arguments)

    return reconstruct, calls


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_the_image_so_far(scan, monkeypatch, number):
    reconstruct, calls = interrupting(number)
    monkeypatch.setattr(tomography, "reconstruct", reconstruct)
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    code, out, _ = run("reconstruct", scan, *SMALL, "--out", "out")
    assert code == 128 + number
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    found = metrics()
    [(step, _, image, _)] = calls
    assert (found["status"], found["steps"]) == ("interrupted", step)
    assert found["reason"] == f"{number.name} after {step} steps; the image so far is kept"
    assert np.array_equal(np.load("out/image.npy"), image.numpy())
    assert out.startswith("Shepp-Logan: interrupted")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_first_checkpoint_keeps_the_classical_image(scan, monkeypatch, number):
    monkeypatch.setattr(tomography, "reconstruct", lambda *unused, **unused_too: signal.raise_signal(number))
    code, out, _ = run("reconstruct", scan, *SMALL, "--out", "out")
    assert code == 128 + number
    assert metrics()["reason"] == f"{number.name} before the first checkpoint; the image kept is that of TV"
    assert metrics()["steps"] == 0 and metrics()["psnr"] == metrics()["references"]["TV"]["psnr"]
    assert np.array_equal(np.load("out/image.npy"), tomography.TotalVariation().reconstruct(read_scan(scan)).numpy())
    assert out.startswith("Shepp-Logan: interrupted")


def test_regulariser_and_device_reach_the_run_by_both_commands(scan):
    command = ["solve", "ct-shepp-logan", "--set", "problem.size=32", "--set", "problem.views=12"]
    for begin, kind in ((["reconstruct", scan, "--regulariser"], "smoothness"),
                        ([*command, "--set"], "method.regulariser=smoothness")):  # fmt: skip
        assert run(*begin, kind, *SMALL, "--device", "cpu", "--out", "out").code == 0
        found, record = metrics(), json.loads(pathlib.Path("out/run.json").read_text())
        assert (found["method"], found["device"], record["device"]) == ("reconstruct, smoothness", "cpu", "cpu")
        assert found["weight"] > 0


def test_divergence_ends_in_code_3_with_the_last_finite_image(scan, monkeypatch):
    whole = tomography.reconstruct

    def reconstruct(scan, **arguments):
        found = whole(scan, **arguments)
        return dataclasses.replace(found, status=Status.DIVERGED, image=found.image * torch.nan)

    monkeypatch.setattr(tomography, "reconstruct", reconstruct)
    code, _, err = run("reconstruct", scan, *SMALL, "--out", "out")
    assert (code, err) == (3, "  the last image before that is in out\n")
    assert metrics()["status"] == "diverged" and np.isfinite(np.load("out/image.npy")).all()


def refused(*arguments):
    """Runs a command that must end in one line and code 2 and write nothing more; returns the line."""
    before = {str(path) for path in pathlib.Path(".").rglob("*")}
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and err.count("\n") == 1
    assert {str(path) for path in pathlib.Path(".").rglob("*")} == before
    return err


def stored(name="bad.npz", **changes):
    fields = {"kind": "parallel", "angles": np.arange(0, 180, 15.0), "pitch": 8.0, "sinogram": np.ones((12, 32))}
    np.savez(name, **{key: value for key, value in (fields | changes).items() if value is not None})
    return name


NAN = np.ones((12, 32))
NAN[3, 4] = np.nan
COUNTS = np.full((12, 32), 900.0)
COUNTS[1, 2] = -3
WRONG = {
    "fewer angles than views": ({"angles": np.arange(11.0)}, "the sinogram has 12 views (rows), but 11 angles"),
    "NaN": ({"sinogram": NAN}, "1 values of the sinogram are not finite: view 3, bin 4 is nan"),
    "negative counts": (
        {"sinogram": None, "counts": COUNTS, "flat": 1000.0},
        "counts must be finite and not negative: view 1, bin 2 is -3",
    ),
    "NaN counts": ({"sinogram": None, "counts": 900 * NAN, "flat": 1000.0}, "counts must be finite and not negative"),
    "a volume": ({"sinogram": np.ones((2, 12, 32))}, "its shape is (2, 12, 32). A volume? Give one slice of it."),
    "no angles": ({"angles": None}, "bad.npz lacks angles."),
    "nothing measured": ({"sinogram": np.zeros((12, 32))}, "the sinogram is zero everywhere"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_scans_end_in_one_line(case):
    changes, message = WRONG[case]
    assert message in refused("reconstruct", stored(**changes), *SMALL, "--out", "out")


def test_wrong_matlab_files_and_pictures_end_in_one_line():
    savemat("bad.mat", {"CtData": {"sinogram": np.ones((3, 4)), "parameters": {"angles": [0, 1, 2]}}})
    assert "the field parameters lacks distanceSourceOrigin" in refused("reconstruct", "bad.mat")
    savemat("worse.mat", {"x": 1})
    assert "must have one variable with the fields sinogram and parameters" in refused("reconstruct", "worse.mat")
    Image.fromarray(np.ones((4, 4), np.uint8)).save("bad.png")
    assert "say what the whitest stands for, white=..." in refused("reconstruct", "bad.png")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("emri_small.dcm", "has 10 frames, a volume; give a file of one slice."),
        ("MR_small.dcm", "has no rescale slope and intercept"),
        ("J2K_pixelrep_mismatch.dcm", "is compressed (JPEG 2000"),
    ],
)
def test_wrong_dicom_files_end_in_one_line(name, message, monkeypatch):
    from pydicom.data import get_testdata_file

    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"this pydicom does not bring {name}")
    monkeypatch.setattr("pinnkit.tomography.files.dicom._decodes", lambda syntax: False)
    assert message in refused("solve", "ct-abdomen", "--set", f"problem.dicom={path}")
    assert "A DICOM slice is an image, not a scan" in refused("reconstruct", str(path))


def test_a_detector_that_does_not_cover_the_image_is_told_once():
    stored("wide.npz", sinogram=np.ones((12, 32)), pixel=12.0)
    code, _, err = run("reconstruct", "wide.npz", *SMALL, "--out", "out")
    assert code == 0
    assert err.startswith("note: truncated: the detector sees a circle of radius") and err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("reconstruct nothing.npz", "there is no file nothing.npz."),
        ("reconstruct .", "is a folder; name one file in it"),
        ("reconstruct scan.npz --space sirn", "unknown space for images 'sirn'. Did you mean 'siren'? Known: lrnn, "),
        ("reconstruct scan.npz --regulariser tvv", "unknown regulariser 'tvv'. Did you mean 'tv'? Known: tv, smo"),
        ("reconstruct scan.npz --regulariser smoothness --space deep-image-prior", "use the regulariser tv or none"),
        ("reconstruct scan.npz --device cdua", "the device 'cdua' does not work here"),
        ("solve ct-shepp-logan --set problem.size=32 --device cdua", "the device 'cdua' does not work here"),
        ("reconstruct scan.npz --members 0", "members must be a whole number of at least 1, got 0."),
        ("reconstruct scan.npz --budget soon", "cannot read the budget 'soon'"),
        ("reconstruct scan.npz --set space.rnk=3", "unknown option of space lrnn 'rnk'. Did you mean 'rank'?"),
        ("reconstruct scan.npz --set geometry.row=3", "unknown row."),
        ("reconstruct scan.npz --set rows=3", "write it like --set geometry.rows=256"),
        ("reconstruct scan.npz --set geometry.angles=0:180", "a range like 0:180:9 (degrees), got '0:180'."),
        ("reconstruct scan.npz --set geometry.angles=0:180:0", "a range like 0:180:9 (degrees), got '0:180:0'."),
        ("solve ct-htc2022", "ct-htc2022 needs a measured scan, such as htc2022_tb_fan_30deg.mat"),
        ("solve ct-htc2022 --set problem.path=none.mat", "there is no file none.mat."),
        ("solve ct-shepp-logan --set problem.counts=-1", "counts are the photons of a ray, or 0 for data without"),
        ("solve ct-shepp-logan --set problem.size=32 --method adam", "method 'adam' is for equations, but ct-shepp-"),
        ("solve ct-shepp-logan --set problem.size=32 --tol 1e-3", "tolerance 0.001 is for equations"),
        ("solve ct-shepp-logan --set problem.size=32 --set method.rate=1", "unknown option of reconstructions 'rate'."),
        ("solve ct-shepp-logan --set problem.size=32 --set method.members=x", "method.members must be a whole number"),
    ],
)
def test_wrong_requests_end_in_one_line(scan, arguments, message):
    assert message in refused(*arguments.split(), "--out", "out")


def test_solve_names_the_function_for_scans():
    with pytest.raises(pk.InputError, match=r"ct-shepp-logan is a CT scan: pinnkit.tomography.reconstruct\(scan\)"):
        pk.solve(pk.load_problem("ct-shepp-logan", {"size": 16}))


def test_a_problem_file_of_a_user_may_return_a_scan():
    pathlib.Path("mine.py").write_text(
        "from pinnkit.tomography import read_scan\n\ndef problem(file: str = 'mine.npz'):\n    return read_scan(file)\n"
    )
    write_scan(shepp_logan(8, size=16), "mine.npz")
    assert run("solve", "mine.py", *SMALL).code == 0
    assert metrics("runs/mine")["problem"] == "mine"
    pathlib.Path("mine.py").write_text("def problem():\n    return 3\n")
    assert "must return a pk.Problem or a tomography.Scan, got int" in refused("solve", "mine.py")
