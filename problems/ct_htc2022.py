from pinnkit import InputError
from pinnkit.tomography import Scan, read_scan


def problem(path: str = "", rows: int = 256, reference: str = "") -> Scan:
    """CT of a measured disc with holes from a limited angle (Helsinki Tomography Challenge 2022, your files)."""
    if not path:
        raise InputError(
            "ct-htc2022 needs a measured scan, such as htc2022_tb_fan_30deg.mat from doi:10.5281/zenodo.6984868: add "
            "--set problem.path=FILE, and --set problem.reference=FILE90 to compare with a scan of more angles."
        )
    scan = read_scan(path, rows=rows)
    if reference:
        # Both files name the same frame, so that images on the same grid can be compared pixel by pixel.
        scan.notes["reference"] = read_scan(reference, grid=scan.grid)
    return scan
