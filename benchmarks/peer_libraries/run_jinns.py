"""jinns: natural gradient, or Adam and then SSBroyden, with hard conditions."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jinns
import numpy as np
import optax
from cases import POINTS
from clock import Clock
from jinns.validation import AbstractValidationModule

jax.config.update("jax_enable_x64", True)
clock = Clock()
case, (lower, upper) = clock.case, tuple(zip(*clock.case.bounds, strict=True))
seeds = jax.random.split(jax.random.PRNGKey(0), 2)
taken = []


def keep(params):
    """Keep the parameters now and then, and tell whether to stop: the budget is spent, or they are no numbers any more.

    The library, too, gives the last parameters that are numbers.
    """
    leaves = jax.tree.leaves(params)
    if not all(np.isfinite(leaf).all() for leaf in leaves):
        return np.array(True)
    if not taken:
        clock.start("jinns", sum(leaf.size for leaf in leaves))
    seconds = clock.seconds
    if clock.is_due(seconds):
        taken.append((seconds, [np.array(leaf) for leaf in leaves]))
    return np.array(seconds >= clock.budget)


class Watch(AbstractValidationModule):
    """The library's hook into its loop."""

    def __call__(self, params):
        stop = jax.experimental.io_callback(keep, jax.ShapeDtypeStruct((), bool), params, ordered=True)
        return self, stop, jnp.array(0.0), jnp.array(False)


class Equation(jinns.loss.PDEStatio):
    def equation(self, p, u, params):
        def value(p):
            return u(p, params).squeeze()

        gradient, hessian = jax.grad(value), jax.hessian(value)

        def d(name):
            i = "xy".index(name[0])
            return gradient(p)[i] if len(name) == 1 else hessian(p)[i, i]

        return case.residual(jnp, p[0], p[1], value(p), d)[None]


layers = [(eqx.nn.Linear, n, m) for n, m in ((2, 32), (32, 32), (32, 32), (32, 1))]
u, start = jinns.nn.PINN_MLP.create(
    key=seeds[0], eq_type="PDEStatio",
    eqx_list=tuple(part for layer in layers for part in (layer, (jax.nn.tanh,)))[:-1],
    output_transform=lambda p, free, params: case.meet(jnp, p[0], p[1], free),
)
params = jinns.parameters.Params(nn_params=start, eq_params={})
data = jinns.data.CubicMeshPDEStatio(key=seeds[1], n=POINTS, dim=2, min_pts=lower, max_pts=upper, method="grid")
loss = jinns.loss.LossPDEStatio(
    u=u, dynamic_loss=Equation(), boundary_condition=None, params=params,
    loss_weights=jinns.loss.LossWeightsPDEStatio(dyn_loss=jnp.array(1.0)),
)


def natural():
    """Train in the library's own loop."""
    jinns.solve(n_iter=10**6, init_params=params, data=data, loss=loss, optimizer=jinns.optimizers.vanilla_ngd(),
                verbose=False, validation=Watch(call_every=1))


def broyden(params):
    """Train in a loop of optax's form, for the line search wants the loss as a function."""
    batch = data.get_batch()[1]

    def value_fn(params):
        return loss.evaluate(params, batch)[0]

    def stepping(optimiser):
        optimiser = optax.with_extra_args_support(optimiser)

        def step(params, state):
            value, gradient = jax.value_and_grad(value_fn)(params)
            extra = {"value": value, "value_fn": value_fn, "grad_pt": params, "grad_fn": jax.grad(value_fn)}
            updates, state = optimiser.update(gradient, state, params, **extra)
            return optax.apply_updates(params, updates), state

        state = optimiser.init(params)
        return jax.jit(step).lower(params, state).compile(), state

    search = optax.scale_by_zoom_linesearch(max_linesearch_steps=20)
    stages = [stepping(optax.adam(1e-3)), stepping(jinns.optimizers.scale_by_SSBroyden_family(search))]
    keep(params)
    for (step, state), until in zip(stages, (clock.budget / 4, clock.budget), strict=True):
        ended = False
        while clock.seconds < until and not ended:
            params, state = jax.block_until_ready(step(params, state))
            ended = keep(params)


natural() if clock.config == "natural" else broyden(params)
predict = jax.jit(jax.vmap(lambda p, params: u(p, params).squeeze(), (0, None)))
for seconds, leaves in taken:
    clock.report(seconds, predict(clock.points, jax.tree.unflatten(jax.tree.structure(params), leaves)))
