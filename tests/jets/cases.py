"""How each torch function of the rules is called: lists of cases by the function's name.

A case takes the function and ``z``, shape (2, 3), a quadratic map of one point (x, y).
"""

import torch

from pinnkit.jets import LAPLACIAN

D = torch.float64
GENERATOR = torch.Generator().manual_seed(3)


def constant(*shape):
    return torch.randn(*shape, generator=GENERATOR, dtype=D)


A, B = constant(2, 6), constant(2, 6)
X = torch.tensor([[0.7, -0.4]], dtype=D)
ROW, COLUMN, FULL, CUBE = constant(3), constant(2, 1), constant(2, 3), constant(4, 2, 3)
SQUARE, BATCH, MASK = constant(3, 3), constant(4, 3, 2), torch.tensor([[True, False, True], [False, False, True]])
EXPONENTS = torch.tensor([0.0, 1.0, 3.0], dtype=D)
INDEX = torch.tensor([2, 0, 2])
ZERO_D = torch.tensor(0.6, dtype=D)


def inner(x):
    return (x @ A + (x * x) @ B).reshape(2, 3)


def positive(z):
    return z * z + 0.3


def bounded(z):
    return 0.8 * torch.sin(z)


def joined(parts):
    return torch.cat([part.reshape(-1) * (i + 1) for i, part in enumerate(parts)])


def at(transform=lambda z: z, **options):
    return [lambda f, z: f(transform(z), **options)]


def reducing(*, empty=True, vector=True):
    """Collect the ways to name the dimensions of a reduction."""
    calls = [
        lambda f, z: f(z, 1),
        lambda f, z: f(z, -2, True),
        lambda f, z: f(z, dim=0),
        lambda f, z: f(z, axis=-1, keepdims=True),
    ]
    if empty:
        calls.append(lambda f, z: f(z))
    if vector:
        calls += [lambda f, z: f(z, (0, 1)), lambda f, z: f(z, dim=(-1,), keepdim=True)]
    return calls


def both_sides(transform=lambda z: z, other=lambda c: c):
    """Collect jet-constant, constant-jet and jet-jet calls of a binary function, with broadcasting each way."""
    t, o = transform, other
    calls = [lambda f, z: f(t(z), o(t(z) * t(z) + 0.5))]
    for c in (ROW, COLUMN, FULL, CUBE, ZERO_D):
        calls.append(lambda f, z, c=c: f(t(z), o(c)))
        calls.append(lambda f, z, c=c: f(o(c), t(z)))
    calls.append(lambda f, z: f(t(z)[0], o(positive(z))))
    calls.append(lambda f, z: f(t(z), o(positive(z))[:, :1]))
    return calls


def twice(product, z):
    return product(z, z)  # the very same jet on both sides of a product that does not commute


def logits(f, z):
    return f(3 * z, -1)


CASES = {}
for names in "sin cos tanh sinh cosh exp expm1 sigmoid expit erf atan arctan square asinh arcsinh erfc exp2".split():
    CASES[names] = at()
for names in "logsigmoid silu mish selu tanhshrink softsign abs absolute relu relu6 hardtanh".split():
    CASES[names] = at()
for names in "log log1p sqrt rsqrt reciprocal log2 log10".split():
    CASES[names] = at(positive)
for names in "tan asin arcsin acos arccos atanh arctanh".split():
    CASES[names] = at(bounded)
for names in "neg negative clone contiguous ravel double t cpu".split():
    CASES[names] = at()
for names in ("acosh", "arccosh"):
    CASES[names] = at(lambda z: positive(z) + 1)
CASES |= {
    "softplus": [*at(), *at(beta=2.0, threshold=0.5), lambda f, z: f(z, 3.0, 20)],
    "gelu": [*at(), *at(approximate="tanh")],
    "leaky_relu": [*at(), *at(negative_slope=0.3), lambda f, z: f(input=z, inplace=True)],
    "elu": [*at(), *at(alpha=0.7)],
    "celu": [*at(), *at(alpha=0.7)],
    "prelu": [lambda f, z: f(z, ROW), lambda f, z: f(z, ROW[:1]), lambda f, z: f(z.reshape(1, 3, 2), ROW)],
    "clamp": [*at(min=-0.5), *at(max=0.2), lambda f, z: f(z, -0.3, 0.4), lambda f, z: f(z, CUBE, CUBE + 1)],
    "clamp_min": [lambda f, z: f(z, 0.1)],
    "clamp_max": [lambda f, z: f(z, ROW)],
    "hardtanh": [*at(), *at(min_val=-0.3, max_val=0.6)],
    # shapes
    "reshape": [lambda f, z: f(z, (-1, 2)), lambda f, z: f(z, shape=(6,))],
    "view": [lambda f, z: f(z, -1, 2), lambda f, z: f(z, (3, 2))],
    "flatten": [lambda f, z: f(z), lambda f, z: f(z[None], 1), lambda f, z: f(z[None], end_dim=-2)],
    "unflatten": [lambda f, z: f(z, -1, (3, 1)), lambda f, z: f(z.reshape(6), 0, (2, -1))],
    "squeeze": [lambda f, z: f(z[:, :1]), lambda f, z: f(z[:, :1], -1), lambda f, z: f(z[:1], dim=0)],
    "unsqueeze": [lambda f, z: f(z, -1), lambda f, z: f(z, dim=1)],
    "view_as": [lambda f, z: f(z, constant(6)), lambda f, z: f(z, z.reshape(3, 2))],
    "reshape_as": [lambda f, z: f(z, constant(6)), lambda f, z: f(FULL, z.reshape(3, 2)) * z.reshape(3, 2)],
    "transpose": [lambda f, z: f(z, 0, 1), lambda f, z: f(z[None], -1, 0), lambda f, z: f(z, dim0=-2, dim1=-1)],
    "permute": [lambda f, z: f(z, (1, 0)), lambda f, z: f(z[None], dims=(-1, 0, 1))],
    "movedim": [lambda f, z: f(z, 0, -1), lambda f, z: f(z[None], (0, 1), (-1, 0))],
    "expand": [lambda f, z: f(z, 4, -1, 3), lambda f, z: f(z[:, :1], (2, 5))],
    "broadcast_to": [lambda f, z: f(z, (4, 2, 3)), lambda f, z: f(z[:1], (2, 3))],
    "expand_as": [lambda f, z: f(z, CUBE), lambda f, z: f(ROW, z) * z, lambda f, z: f(z[:1], z)],
    "repeat": [lambda f, z: f(z, 2, 1, 3), lambda f, z: f(z, (1, 2))],
    "tile": [lambda f, z: f(z, (2,)), lambda f, z: f(z, (2, 1, 3))],
    "flip": [lambda f, z: f(z, (0,)), lambda f, z: f(z, dims=(-1, 0))],
    "roll": [lambda f, z: f(z, 1), lambda f, z: f(z, 2, -1), lambda f, z: f(z, (1, 1), (0, 1))],
    "__getitem__": [
        lambda f, z: z[0],
        lambda f, z: z[..., None],
        lambda f, z: z[:, 1:],
        lambda f, z: z[MASK],
        lambda f, z: z[:, INDEX],
        lambda f, z: z[[1, 0]],
        lambda f, z: z[None, -1, ..., ::2],
        lambda f, z: torch.stack(list(z)) * joined(z)[:3],
        lambda f, z: z[torch.tensor([0, 1]), INDEX[:2]],
    ],
    "select": [lambda f, z: f(z, 0, 1), lambda f, z: f(z, -1, -1)],
    "narrow": [lambda f, z: f(z, -1, 1, 2)],
    "index_select": [lambda f, z: f(z, 1, INDEX), lambda f, z: f(z, dim=-2, index=INDEX[1:2])],
    "unbind": [lambda f, z: joined(f(z)), lambda f, z: joined(f(z, -1)), lambda f, z: joined(f(z, dim=1))],
    "split": [lambda f, z: joined(f(z, 2, 1)), lambda f, z: joined(f(z, [1, 2], dim=-1))],
    "chunk": [lambda f, z: joined(f(z, 2, -1)), lambda f, z: joined(f(z, chunks=2))],
    # sums and joins
    "sum": [*reducing(), lambda f, z: f(z[0, 0], 0), lambda f, z: f(z[0, 0]), lambda f, z: f(z, ())],
    "mean": [*reducing(), lambda f, z: f(z, -1, dtype=D)],
    "cumsum": [lambda f, z: f(z, 1), lambda f, z: f(z, dim=-2)],
    "cat": [
        lambda f, z: f([z, torch.sin(z)]),
        lambda f, z: f((FULL, z, z), -1),
        lambda f, z: f(tensors=[z, FULL], dim=1),
    ],
    "stack": [lambda f, z: f([z, FULL, z * z], -1), lambda f, z: f(tensors=(FULL, z))],
    "hstack": [lambda f, z: f([z, FULL]), lambda f, z: f([ROW, z[0]])],
    "vstack": [lambda f, z: f([z, FULL]), lambda f, z: f([ROW, z[0]])],
    "column_stack": [lambda f, z: f([z, COLUMN]), lambda f, z: f([z[0], ROW, z.mT])],
    "where": [
        lambda f, z: torch.where(MASK, z, 0.0) if f.home == "torch" else z.where(MASK, ZERO_D),
        lambda f, z: torch.where(CUBE > 0, ROW, z) if f.home == "torch" else ROW.where(CUBE > 0, z),
        lambda f, z: torch.where(z > 0, z, z * z) if f.home == "torch" else z.where(z > 0, other=z * z),
        lambda f, z: torch.where(condition=MASK[0], input=ROW, other=z) if f.home == "torch" else z.where(MASK, z),
    ],
    "masked_fill": [lambda f, z: f(z, MASK, 2.0), lambda f, z: f(z, mask=MASK, value=ZERO_D)],
    "maximum": both_sides(),
    "minimum": both_sides(),
    "add": [*both_sides(), lambda f, z: f(z, 2), lambda f, z: f(z, FULL, alpha=3), lambda f, z: f(FULL, z, alpha=2)],
    "sub": [*both_sides(), lambda f, z: f(z, other=2.5), lambda f, z: f(FULL, z, alpha=2)],
    "rsub": [*both_sides(), lambda f, z: f(z, 2.5)],
    "lerp": [lambda f, z: f(z, FULL, 0.3), lambda f, z: f(FULL, z, z * z)],
    "remainder": [lambda f, z: f(3 * z, 0.7), lambda f, z: f(z, positive(ROW))],
    "dropout": [lambda f, z: f(z, 0.5, False), lambda f, z: f(z, p=0.0)],
    "type": [lambda f, z: f(z, torch.float64)],
    "to": [
        lambda f, z: f(z, D),
        lambda f, z: f(z, device="cpu", dtype=D),
        lambda f, z: f(z, z),
        lambda f, z: f(z, ROW),
    ],
    "type_as": [lambda f, z: f(z, FULL), lambda f, z: f(z, z), lambda f, z: f(FULL, z) * z],
    # products
    "mul": [*both_sides(), lambda f, z: f(z, 2.5)],
    "div": [*both_sides(positive, positive), lambda f, z: f(z, 2.5)],
    "pow": [
        *both_sides(positive, positive),
        *[lambda f, z, p=p: f(z, p) for p in (0, 1, 2, 3, -1, -2)],
        lambda f, z: f(positive(z), 0.5),
        lambda f, z: f(z, EXPONENTS),
        lambda f, z: f(z[..., None], EXPONENTS),
    ],
    "matmul": [
        lambda f, z: f(z, SQUARE),
        lambda f, z: f(SQUARE, z.mT),
        lambda f, z: f(z, z.mT * z.T),
        lambda f, z: f(z, ROW),
        lambda f, z: f(z[0], SQUARE),
        lambda f, z: f(z[0], z[1]),
        lambda f, z: f(BATCH, z),
        lambda f, z: f(z, BATCH),
        lambda f, z: f(z[None] * ROW, z.mT),
        lambda f, z: twice(f, z @ BATCH[0]),
    ],
    "mm": [lambda f, z: f(z, SQUARE), lambda f, z: f(z.T, mat2=z) if "dim" in f.label else f(z.T, z)],
    "bmm": [lambda f, z: f(z[None], SQUARE[None]), lambda f, z: f(z[None], z[None].mT)],
    "mv": [lambda f, z: f(z, ROW), lambda f, z: f(SQUARE, z[0]), lambda f, z: f(z, z[1])],
    "linear": [
        lambda f, z: f(z, SQUARE, ROW),
        lambda f, z: f(z[0], SQUARE),
        lambda f, z: f(z, SQUARE * z[0], bias=z[1]),
        lambda f, z: f(FULL, z),
        lambda f, z: f(input=z, weight=FULL),
    ],
    "bilinear": [lambda f, z: f(z, FULL, BATCH.reshape(2, 3, 4)[..., :3].contiguous(), constant(2) * 0 + 1)],
    "addmm": [lambda f, z: f(FULL, z, SQUARE, beta=2), lambda f, z: f(z, z, SQUARE, alpha=0.5)],
    "addcmul": [lambda f, z: f(FULL, z, z, value=0.5), lambda f, z: f(z, FULL, ROW)],
    "outer": [lambda f, z: f(z[0], z[1]), lambda f, z: f(ROW, z[0]), lambda f, z: f(z[0], ROW)],
    "dot": [lambda f, z: f(z[0], z[1]), lambda f, z: f(ROW, z[0])],
    "vecdot": [lambda f, z: f(z, FULL), lambda f, z: f(ROW, z), lambda f, z: f(z, z * z, dim=0)],
    "einsum": [
        lambda f, z: f("ij->ji", z),
        lambda f, z: f("ij", z),
        lambda f, z: f("ii->i", z @ z.mT),
        lambda f, z: f("ij,jk->ik", z, SQUARE),
        lambda f, z: twice(lambda a, b: f("ij,jk", a, b), z @ BATCH[0]),
        lambda f, z: f("ij, kj", z, z * z),
        lambda f, z: f("...j,jk->...k", z, SQUARE),
        lambda f, z: f("bij,jk->bik", CUBE, z.mT),
        lambda f, z: f("ij,jk,lk->il", z, SQUARE, z),
        lambda f, z: f("i,ij,...j", z[:, 0], FULL, z),
        lambda f, z: f("ij,jk,ik", [z, SQUARE, FULL]),
    ],
    "prod": [*reducing(vector=False), lambda f, z: f(z * (z - z[0, 0]), -1)],
    "atan2": [*both_sides(lambda z: z + 0.1), lambda f, z: f(5 * z, 0.2 - z * z)],
    # composed
    "softmax": [logits, lambda f, z: f(z, dim=0), lambda f, z: f(z, 1, dtype=D)],
    "softmin": [lambda f, z: f(z, 1), lambda f, z: f(z[None], dim=-1), lambda f, z: f(z, dim=0)],
    "log_softmax": [logits, lambda f, z: f(z, dim=0)],
    "logsumexp": reducing(empty=False),
    "layer_norm": [lambda f, z: f(z, (3,), ROW, ROW), lambda f, z: f(z, (2, 3), eps=1e-3)],
    "rms_norm": [lambda f, z: f(z, (3,), ROW), lambda f, z: f(z, [2, 3], eps=1e-3)],
    "batch_norm": [
        lambda f, z: f(z, ROW, positive(ROW), ROW, ROW),
        lambda f, z: f(z.reshape(1, 3, 2), ROW, positive(ROW), eps=0.1),
    ],
    "norm": [
        lambda f, z: f(z),
        lambda f, z: f(z, dim=-1),
        lambda f, z: f(z, dim=(0,), keepdim=True),
        lambda f, z: f(z[0], 2),
    ],
    "vector_norm": [*reducing(empty=False, vector=False)[2:], lambda f, z: f(z), lambda f, z: f(z, 2, (0, 1))],
    "normalize": [lambda f, z: f(z), lambda f, z: f(z, dim=0)],
    "var": [
        lambda f, z: f(z),
        lambda f, z: f(z, -1),
        lambda f, z: f(z, dim=0, unbiased=False),
        lambda f, z: f(z, False),
        lambda f, z: f(z, (0, 1), correction=0, keepdim=True),
    ],
}
# The constant has a vanishing derivative: a product with z shows that it is one.
for names in "gt ge lt le eq ne greater less".split():
    CASES[names] = [lambda f, z: f(z, 0.1) * z, lambda f, z: f(FULL, z) * z, lambda f, z: f(z, z[0]) * z]
for (
    names
) in "isnan isinf isfinite sign sgn floor ceil round trunc argmax argmin argsort detach zeros_like ones_like".split():
    CASES[names] = [lambda f, z: f(z) * z]
for names in ("is_floating_point", "is_complex", "numel", "nelement"):
    CASES[names] = [lambda f, z: f(z) * z]
for names in ("new_zeros", "new_ones"):
    CASES[names] = [lambda f, z: f(z, (2, 3)) * z]
CASES |= {
    "full_like": [lambda f, z: f(z, 2.0) * z],
    "new_full": [lambda f, z: f(z, (3,), 2.0) * z],
    "new_tensor": [lambda f, z: f(z, [2.0, 3.0, 4.0]) * z],
    "isclose": [lambda f, z: f(z, z) * z],
    "is_same_size": [lambda f, z: f(FULL, z) * z],
}
for name in ("empty_like", "new_empty", "rand_like", "randn_like"):
    CASES[name] = [lambda f, z: z + 0 * (f(z, (2, 3)) if f.name == "new_empty" else f(z)).isnan()]
SAME = {
    "swapaxes": "transpose", "swapdims": "transpose", "moveaxis": "movedim", "concat": "cat", "concatenate": "cat",
    "row_stack": "vstack", "subtract": "sub", "multiply": "mul", "divide": "div", "true_divide": "div", "ger": "outer",
    "inner": "dot", "arctan2": "atan2", "clip": "clamp", "std": "var",
}  # fmt: skip
CASES |= {name: CASES[other] for name, other in SAME.items()}
CASES["swapaxes"] = CASES["swapdims"] = CASES["transpose"][:2]
ROUNDED = {"float", "half", "bfloat16"}
CASES |= {name: at() for name in sorted(ROUNDED)}
NO_DEVICE = {"cuda"}

KINKED = set("abs absolute relu relu6 hardtanh leaky_relu prelu clamp clip clamp_min clamp_max maximum minimum".split())
SECOND = [(), (0,), (1,), (0, 0), (0, 1), (1, 1), LAPLACIAN]
HIGHER = [(0, 0, 0), (0, 0, 1, 1), (0, 0, 0, 0), (0, 1, 1)]
