"""PixelShuffle, PixelUnshuffle and ChannelShuffle.

Source of the rules: `torch/nn/modules/{pixelshuffle,channelshuffle}.py`, run with torch 2.13.0.
"""

from __future__ import annotations

from convwise.dialects.base import Layer, LayerFlow, known
from convwise.dialects.kinds import Arguments, parameters
from convwise.dialects.torch.kind import Kind, on_tail, wrong_rank
from convwise.dialects.torch.values import Words, listed, too_small, whole
from convwise.errors import Refusal, ShapeError
from convwise.ops import Flow, Op, PixelShuffle, Pointwise, Shape
from convwise.ops.shape import LARGEST


def resolve_shuffle(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    inverse = kind.name == "PixelUnshuffle"
    name = "downscale_factor" if inverse else "upscale_factor"
    function = "pixel_unshuffle" if inverse else "pixel_shuffle"
    value = known(arguments[name], name)
    factor = whole(value, name, least=-LARGEST, quote=Words(function, {name: 2}).scalar(name, value, "int"))
    if factor < 1:
        raise too_small(name, factor, 1, f"{function} expects a positive {name}, but got {factor}")
    if factor * factor > LARGEST:
        quote = (
            f"upscale factor is too large, (upscale_factor)^2 overflowed: upscale_factor={factor}"
            if not inverse
            else ""
        )
        raise Refusal(
            "CW107",
            f"{name} is {factor}: its square does not fit into 64 bits",
            received=factor,
            hint="try 2",
            quote=quote,
        )
    return (PixelShuffle(factor, inverse),)


def run_shuffle(layer: Layer, shape: Shape) -> LayerFlow:
    op = layer.ops[0]
    assert isinstance(op, PixelShuffle)
    function = "pixel_unshuffle" if op.inverse else "pixel_shuffle"
    if len(shape) < 3:
        quote = f"{function} expects input to have at least 3 dimensions, but got input with {len(shape)} dimension(s)"
        raise wrong_rank(f"{len(shape)} axes where at least 3 (C, H, W) are needed", shape, quote)
    try:
        result = on_tail(layer, shape, 3, op)
        # PyTorch unshuffles an empty input into itself.
        return LayerFlow(layer, shape, shape, (Flow(shape, shape),)) if op.inverse and 0 in shape else result
    except ShapeError as error:
        if error.code == "CW105" and op.inverse:
            place = -2 if error.axis == "height" else -1
            error.quote = f"pixel_unshuffle expects {error.axis} to be divisible by downscale_factor, but input.size({place})={shape[place]} is not divisible by {op.factor}"
        elif error.code == "CW105":
            error.quote = f"pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but input.size(-3)={shape[-3]} is not divisible by {op.factor * op.factor}"
        raise


def resolve_channel_shuffle(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    value = known(arguments["groups"], "groups")
    groups = whole(
        value, "groups", least=-LARGEST, quote=Words("channel_shuffle", {"groups": 2}).scalar("groups", value, "int")
    )
    if groups < 1:
        raise too_small(
            "groups", groups, 1, f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    return (Pointwise("channel_shuffle", (("groups", groups),)),)


def check_channel_shuffle(layer: Layer, shape: Shape) -> None:
    groups = layer.arguments["groups"]
    if len(shape) < 3:
        quote = f"channel_shuffle expects input with > 2 dims, but got input with sizes {listed(shape)}"
        raise wrong_rank(f"{len(shape)} axes where at least 3 (N, C, L) are needed", shape, quote)
    if shape[1] is not None and shape[1] % groups:
        quote = f"Number of channels must be divisible by groups. Got {shape[1]} channels and {groups} groups."
        fact = f"{shape[1]} channels do not divide into {groups} groups"
        raise ShapeError(
            "CW105", fact, axis="channels", received=shape[1], quote=quote, hint=f"use groups that divide {shape[1]}"
        )


KINDS = (
    Kind("PixelShuffle", parameters("upscale_factor"), resolve_shuffle, run=run_shuffle, rank=2),
    Kind("PixelUnshuffle", parameters("downscale_factor"), resolve_shuffle, run=run_shuffle, rank=2),
    Kind("ChannelShuffle", parameters("groups"), resolve_channel_shuffle, check=check_channel_shuffle),
)
