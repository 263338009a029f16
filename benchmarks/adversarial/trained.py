"""Networks of which all parameters are trained, for a fixed number of steps, on problems of the other themes."""

import pinnkit as pk

from . import corners, frequencies, nonlinear, offsets, peaks, waves
from .case import Case

FIRST = pk.Adam()
SECOND = pk.Sequence([pk.Adam(), pk.LBFGS()])
RUNS = [
    ("1-D source of width 0.1", lambda: peaks.peak(1e-1), pk.MLP(), SECOND, "400steps"),
    ("1-D source of width 0.01", lambda: peaks.peak(1e-2), pk.SIREN(), SECOND, "400steps"),
    ("boundary layer, eps = 0.1", lambda: peaks.boundary_layer(1e-1), pk.MLP(), pk.GaussNewton(), "60steps"),
    ("boundary layer, eps = 0.01", lambda: peaks.boundary_layer(1e-2), pk.MLP(), pk.GaussNewton(), "60steps"),
    ("square with a hot lid", corners.hot_lid, pk.MLP(), FIRST, "300steps"),
    ("membrane under load", corners.membrane, pk.SIREN(), pk.GaussNewton(), "20steps"),
    ("plate in kelvin", offsets.warm_plate, pk.MLP(), SECOND, "400steps"),
    ("plate in kelvin", offsets.warm_plate, pk.MLP(), pk.GaussNewton(), "20steps"),
    ("an unknown of 1e-6", offsets.tiny_unknown, pk.MLP(), pk.SSBroyden(), "150steps"),
    ("channel, v = 0", offsets.channel, pk.MLP(), SECOND, "300steps"),
    ("standing wave, 1 period", lambda: waves.standing(1), pk.SIREN(), SECOND, "300steps"),
    ("standing wave, 3 periods", lambda: waves.standing(3), pk.MLP(), FIRST, "300steps"),
    ("exp(sin 2(3x + 2y))", lambda: frequencies.exponential_of_wave(2.0), pk.SIREN(), pk.SSBroyden(), "150steps"),
    ("plane wave, k = 20", lambda: frequencies.plane_wave(20.0), pk.SIREN(), FIRST, "300steps"),
    ("steady Allen-Cahn", nonlinear.allen_cahn, pk.MLP(), SECOND, "400steps"),
    ("Bratu, lambda = 1", nonlinear.bratu, pk.MLP(), pk.GaussNewton(), "60steps"),
    ("cubic reaction", lambda: nonlinear.cubic(1.0), pk.SIREN(), FIRST, "300steps"),
    ("cubic reaction", lambda: nonlinear.cubic(1.0), pk.MLP(), pk.SSBroyden(), "150steps"),
    ("steady shock, nu = 0.1", lambda: nonlinear.steady_shock(1e-1), pk.MLP(), SECOND, "400steps"),
    ("steady shock, nu = 0.01", lambda: nonlinear.steady_shock(1e-2), pk.MLP(), FIRST, "400steps"),
]
CASES = [
    Case(f"{name}, {type(space).__name__}, {method.name}, {budget}", make, space, method, f"{budget},60s")
    for name, make, space, method, budget in RUNS
]
