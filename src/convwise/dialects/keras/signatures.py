"""The constructors of Keras's layers: every argument by its name, place and default (Keras 3.15.1, `inspect.signature`).

The keywords that every layer hands on to the base `Layer` follow the named ones, by keyword only.
"""

from __future__ import annotations

from functools import lru_cache

from convwise.dialects.base import REQUIRED, Parameter, Value
from convwise.dialects.keras.kinds import KINDS
from convwise.dialects.keras.releases import ARGUMENT_SINCE, OUTPUT_PADDING_ZERO, before

Pair = tuple[str, Value]

BASE: tuple[Pair, ...] = (
    ("activity_regularizer", None),
    ("trainable", True),
    ("dtype", None),
    ("autocast", True),
    ("name", None),
    ("input_shape", None),
    ("input_dim", None),
)
"""What the base `Layer` takes; `input_shape` and `input_dim` are old words that it takes with a warning."""

TRIMMINGS = ("_initializer", "_regularizer", "_constraint")
"""How the arguments end that say where weights start and what holds them."""

KERNEL_TRIMMINGS: tuple[Pair, ...] = (
    ("kernel_initializer", "glorot_uniform"),
    ("bias_initializer", "zeros"),
    ("kernel_regularizer", None),
    ("bias_regularizer", None),
    ("activity_regularizer", None),
    ("kernel_constraint", None),
    ("bias_constraint", None),
)

DEPTHWISE_TRIMMINGS: tuple[Pair, ...] = (
    ("depthwise_initializer", "glorot_uniform"),
    ("bias_initializer", "zeros"),
    ("depthwise_regularizer", None),
    ("bias_regularizer", None),
    ("activity_regularizer", None),
    ("depthwise_constraint", None),
    ("bias_constraint", None),
)

SEPARABLE_TRIMMINGS: tuple[Pair, ...] = (
    ("depthwise_initializer", "glorot_uniform"),
    ("pointwise_initializer", "glorot_uniform"),
    ("bias_initializer", "zeros"),
    ("depthwise_regularizer", None),
    ("pointwise_regularizer", None),
    ("bias_regularizer", None),
    ("activity_regularizer", None),
    ("depthwise_constraint", None),
    ("pointwise_constraint", None),
    ("bias_constraint", None),
)

AFFINE_TRIMMINGS: tuple[Pair, ...] = (
    ("beta_initializer", "zeros"),
    ("gamma_initializer", "ones"),
    ("beta_regularizer", None),
    ("gamma_regularizer", None),
    ("beta_constraint", None),
    ("gamma_constraint", None),
)

ACTIVATED: tuple[Pair, ...] = (("activation", None), ("use_bias", True))
MOVED: tuple[Pair, ...] = (("fill_mode", "reflect"), ("interpolation", "bilinear"), ("seed", None), ("fill_value", 0.0))
"""How the layers that move an image at random fill what comes into view."""

FORMAT: tuple[Pair, ...] = (("data_format", None),)


def each(rank: int | None, value: int) -> Value:
    """The default that Keras writes for one value an axis: bare for one axis, a tuple for more."""
    return value if rank in (None, 1) else (value,) * (rank or 1)


def named(family: str, rank: int | None) -> tuple[Pair, ...]:
    """The arguments in the constructor's own order."""
    if family in PLAIN:
        return PLAIN[family]
    one = each(rank, 1)
    window: tuple[Pair, ...] = (("strides", one), ("padding", "valid"))
    dilation: tuple[Pair, ...] = (("dilation_rate", one),)
    match family:
        case "conv":
            return (
                ("filters", REQUIRED),
                ("kernel_size", REQUIRED),
                *window,
                *FORMAT,
                *dilation,
                ("groups", 1),
                *ACTIVATED,
                *KERNEL_TRIMMINGS,
            )
        case "transpose":
            extra: tuple[Pair, ...] = (("output_padding", None), *FORMAT)
            between = extra if rank != 3 else extra[::-1]
            return (
                ("filters", REQUIRED),
                ("kernel_size", REQUIRED),
                *window,
                *between,
                *dilation,
                *ACTIVATED,
                *KERNEL_TRIMMINGS,
            )
        case "depthwise":
            return (
                ("kernel_size", REQUIRED),
                *window,
                ("depth_multiplier", 1),
                *FORMAT,
                *dilation,
                *ACTIVATED,
                *DEPTHWISE_TRIMMINGS,
            )
        case "separable":
            head: tuple[Pair, ...] = (("filters", REQUIRED), ("kernel_size", REQUIRED), *window, *FORMAT, *dilation)
            return (*head, ("depth_multiplier", 1), *ACTIVATED, *SEPARABLE_TRIMMINGS)
        case _:
            return _without_weights(family, rank)


def _without_weights(family: str, rank: int | None) -> tuple[Pair, ...]:
    """As `named`, for the layers that come in several ranks and have no weights."""
    match family:
        case "max_pool" | "average_pool":
            size = each(rank, 2) if family == "max_pool" else REQUIRED
            return (("pool_size", size), ("strides", None), ("padding", "valid"), *FORMAT, ("name", None))
        case "zero_padding":
            return (("padding", 1 if rank == 1 else (1, 1) if rank == 2 else ((1, 1),) * 3), *FORMAT)
        case "cropping":
            cuts = (("cropping", (1, 1) if rank == 1 else ((0, 0),) * 2 if rank == 2 else ((1, 1),) * 3),)
            return cuts if rank == 1 else (*cuts, *FORMAT)
        case "up_sampling":
            size_of: tuple[Pair, ...] = (("size", each(rank, 2)),)
            return (
                size_of
                if rank == 1
                else (*size_of, *FORMAT, ("interpolation", "nearest"))
                if rank == 2
                else (*size_of, *FORMAT)
            )
        case _:
            head = (("rate", REQUIRED),) if rank == 1 else (("rate", REQUIRED), *FORMAT)
            return (*head, ("seed", None), ("name", None), ("dtype", None))


PLAIN: dict[str, tuple[Pair, ...]] = {
    **dict.fromkeys(("global_max", "global_average"), (*FORMAT, ("keepdims", False))),
    **dict.fromkeys(("adaptive_max", "adaptive_average"), (("output_size", REQUIRED), *FORMAT)),
    "resizing": (
        ("height", REQUIRED),
        ("width", REQUIRED),
        ("interpolation", "bilinear"),
        ("crop_to_aspect_ratio", False),
        ("pad_to_aspect_ratio", False),
        ("fill_mode", "constant"),
        ("fill_value", 0.0),
        ("antialias", False),
        *FORMAT,
    ),
    "center_crop": (("height", REQUIRED), ("width", REQUIRED), *FORMAT),
    "random_flip": (("mode", "horizontal_and_vertical"), ("seed", None), *FORMAT),
    "random_rotation": (("factor", REQUIRED), *MOVED, *FORMAT),
    "random_zoom": (("height_factor", REQUIRED), ("width_factor", None), *MOVED, *FORMAT),
    "random_translation": (("height_factor", REQUIRED), ("width_factor", REQUIRED), *MOVED, *FORMAT),
    "random_contrast": (("factor", REQUIRED), ("value_range", (0, 255)), ("seed", None)),
    "rescaling": (("scale", REQUIRED), ("offset", 0.0)),
    "flatten": FORMAT,
    "reshape": (("target_shape", REQUIRED),),
    "permute": (("dims", REQUIRED),),
    "repeat_vector": (("n", REQUIRED),),
    "dense": (
        ("units", REQUIRED),
        *ACTIVATED,
        *KERNEL_TRIMMINGS,
        ("lora_rank", None),
        ("lora_alpha", None),
        ("quantization_config", None),
    ),
    "batch_norm": (
        ("axis", -1),
        ("momentum", 0.99),
        ("epsilon", 0.001),
        ("center", True),
        ("scale", True),
        ("beta_initializer", "zeros"),
        ("gamma_initializer", "ones"),
        ("moving_mean_initializer", "zeros"),
        ("moving_variance_initializer", "ones"),
        ("beta_regularizer", None),
        ("gamma_regularizer", None),
        ("beta_constraint", None),
        ("gamma_constraint", None),
        ("renorm", False),
        ("renorm_clipping", None),
        ("renorm_momentum", 0.99),
        ("synchronized", False),
    ),
    "layer_norm": (("axis", -1), ("epsilon", 0.001), ("center", True), ("scale", True), *AFFINE_TRIMMINGS),
    "group_norm": (
        ("groups", 32),
        ("axis", -1),
        ("epsilon", 0.001),
        ("center", True),
        ("scale", True),
        *AFFINE_TRIMMINGS,
    ),
    "unit_norm": (("axis", -1),),
    "rms_norm": (("axis", -1), ("epsilon", 1e-6)),
    **dict.fromkeys(("dropout", "alpha_dropout"), (("rate", REQUIRED), ("noise_shape", None), ("seed", None))),
    "gaussian_dropout": (("rate", REQUIRED), ("seed", None)),
    "gaussian_noise": (("stddev", REQUIRED), ("seed", None)),
    "activity_regularization": (("l1", 0.0), ("l2", 0.0)),
    "activation": (("activation", REQUIRED),),
    "relu": (("max_value", None), ("negative_slope", 0.0), ("threshold", 0.0)),
    "leaky_relu": (("negative_slope", 0.3),),
    "prelu": (
        ("alpha_initializer", "Zeros"),
        ("alpha_regularizer", None),
        ("alpha_constraint", None),
        ("shared_axes", None),
    ),
    "elu": (("alpha", 1.0),),
    "softmax": (("axis", -1),),
    "identity": (),
    "masking": (("mask_value", 0.0),),
}

KEYWORDS: dict[str, tuple[Pair, ...]] = {
    "conv": (("lora_rank", None), ("lora_alpha", None)),
    "layer_norm": (("rms_scaling", False),),
    "leaky_relu": (("alpha", None),),
    "resizing": (("bounding_box_format", None),),
    "center_crop": (("bounding_box_format", None),),
    "random_contrast": FORMAT,
}
"""Arguments that a constructor takes by keyword without naming them in its signature."""

WITHOUT_BASE = frozenset({"spatial_dropout"})
"""Families whose constructor takes no more than it names."""


@lru_cache(maxsize=512)
def parameters(kind: str, release: str) -> tuple[Parameter, ...]:
    """What the constructor of the canonical `kind` takes in `release`."""
    family, rank = KINDS[kind]
    pairs = [pair for pair in named(family, rank) if not before(release, ARGUMENT_SINCE.get((kind, pair[0]), release))]
    late = family == "transpose" and before(release, OUTPUT_PADDING_ZERO)
    if late:
        # Older constructors hand output_padding on to their base by keyword.
        pairs = [pair for pair in pairs if pair[0] != "output_padding"]
    found = [Parameter(name, default) for name, default in pairs]
    extra = (*KEYWORDS.get(family, ()), *((("output_padding", None),) if late else ()))
    base = () if family in WITHOUT_BASE else BASE
    if family == "activity_regularization":
        # It makes its own out of l1 and l2.
        base = tuple(pair for pair in base if pair[0] != "activity_regularizer")
    taken = {name for name, _ in pairs}
    found += [Parameter(name, default, keyword_only=True) for name, default in (*extra, *base) if name not in taken]
    return tuple(found)
