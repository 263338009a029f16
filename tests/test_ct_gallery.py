"""The CT gallery: scans as asked for, from the user's own slice too, and a number that a network has to reach."""

import json

import numpy as np
import pytest
from commandline import run

import pinnkit as pk
from pinnkit.gallery import gallery, load_problem, summary
from pinnkit.tomography import Scan, TotalVariation, abdomen, psnr, write_dicom

NAMES = ("ct-abdomen", "ct-htc2022", "ct-shepp-logan")


@pytest.mark.parametrize("name", NAMES)
def test_files_are_short_and_say_what_they_are(name):
    path = gallery()[name]
    assert len(path.read_text().splitlines()) < 80
    assert summary(path)[0].endswith(".")


@pytest.mark.parametrize("name", ["ct-abdomen", "ct-shepp-logan"])
def test_scans_have_the_views_and_the_noise_that_were_asked_for(name):
    clean = load_problem(name, {"views": 7, "size": 64})
    noisy = load_problem(name, {"views": 7, "size": 64, "counts": 5e4, "seed": 3})
    assert isinstance(clean, Scan) and clean.name == name
    assert clean.sinogram.shape == noisy.sinogram.shape == (7, 64)
    assert clean.variance is None and noisy.variance is not None
    # Counts N measure line integrals p with a variance of about 1 / N, N = 5e4 exp(-p).
    deviation = (noisy.sinogram - clean.sinogram) / np.sqrt(np.exp(clean.sinogram) / 5e4)
    assert np.sqrt((deviation**2).mean()) == pytest.approx(1, abs=0.1)
    again = load_problem(name, {"views": 7, "size": 64, "counts": 5e4, "seed": 3})
    assert np.array_equal(noisy.sinogram, again.sinogram)


def test_a_dicom_slice_of_the_users_own_is_scanned_like_the_abdomen(tmp_path):
    # The slice is written by ours and read back, so the two scans differ by the rounding to 16 bits.
    image = 1000 * (abdomen(5, size=256).truth / 0.02 - 1)
    write_dicom(image, tmp_path / "slice.dcm", pixel=1.5)
    scan = load_problem("ct-abdomen", {"dicom": str(tmp_path / "slice.dcm"), "views": 5, "size": 64})
    assert scan.grid.shape == (64, 64) and scan.grid.pixel == 6.0 and scan.notes["window"] == (40.0, 400.0)
    inside = np.hypot(scan.grid.x, scan.grid.y[:, None]) < scan.grid.radius - 2 * scan.grid.pixel
    truth = image.reshape(64, 4, 64, 4).mean((1, 3)) / 1000 * 0.02 + 0.02
    assert scan.truth[inside] == pytest.approx(truth[inside], abs=1e-6)
    for wrong in ({"size": 100}, {"size": 256}, {"size": 0}, {"views": 0}):
        with pytest.raises(pk.InputError, match="size must divide 256 and 256, the sides of the slice"):
            load_problem("ct-abdomen", {"dicom": str(tmp_path / "slice.dcm"), "views": 5, "size": 64} | wrong)
    with pytest.raises(pk.InputError, match="counts are the photons of a ray"):
        load_problem("ct-abdomen", {"counts": -1})


def test_a_network_reconstructs_the_abdomen(tmp_path):
    arguments = {"size": 64, "views": 12, "counts": 1e5}
    settings = [*(f"problem.{key}={value}" for key, value in arguments.items()), "space.channels=8,16"]
    given = [part for setting in settings for part in ("--set", setting)]
    command = ["solve", "ct-abdomen", *given, "--space", "deep-image-prior", "--budget", "400steps"]
    assert run(*command, "--out", tmp_path / "out").code == 0
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())
    scan = load_problem("ct-abdomen", arguments)
    assert found["references"]["TV"]["psnr"] == pytest.approx(psnr(TotalVariation().reconstruct(scan), scan.truth))
    assert found["psnr"] > found["references"]["FBP"]["psnr"] + 3
    assert found["ssim"] > found["references"]["CGLS"]["ssim"]
    assert found["psnr_oracle"] >= found["psnr"]
