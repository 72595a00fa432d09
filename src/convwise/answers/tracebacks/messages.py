"""The sentences of the frameworks that are known, as they are printed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from convwise.answers.tracebacks import clues, divisible, joins, losses, ranks, telling
from convwise.answers.tracebacks.clue import Clue

LONGEST = 20_000
"""Characters of the end of a pasted text that are searched: the message stands last."""

Match = re.Match[str]


@dataclass(frozen=True, slots=True)
class Kind:
    """One sentence of a framework: what it means, and the clue it gives."""

    dialect: str
    pattern: re.Pattern[str]
    tell: Callable[[Match], telling.Told]
    clue: Callable[[Match], Clue] | None


TITLES = {"torch": "PyTorch", "keras": "Keras", "onnx": "ONNX Runtime", "jax": "JAX"}

_N = r"\d{1,12}"
_SHAPE = r"[\[({][\d, Nonex?]{1,200}[\])}]"
_NODE = r"(?: for '\{\{node (?P<name>[^}\n]{1,300})\}\})?"
_ORT = r"while running (?P<op>\w{1,60}) node\. Name:'(?P<name>[^'\n]{0,300})' Status Message: "


def _kinds(
    dialect: str, *rows: tuple[str, Callable[[Match], telling.Told], Callable[[Match], Clue] | None]
) -> tuple[Kind, ...]:
    return tuple(Kind(dialect, re.compile(pattern), tell, clue) for pattern, tell, clue in rows)


KINDS = (
    *_kinds(
        "torch",
        (
            rf"mat1 and mat2 shapes cannot be multiplied \((?P<rows>{_N})x(?P<have>{_N}) and (?P<need>{_N})x(?P<out>{_N})\)",
            telling.matmul,
            clues.dense,
        ),
        (
            rf"size mismatch, m1: \[(?P<rows>{_N}) x (?P<have>{_N})\], m2: \[(?P<need>{_N}) x (?P<out>{_N})\]",
            telling.matmul,
            clues.dense,
        ),
        (
            rf"Expected (?P<need>\d)D \(unbatched\) or \dD \(batched\) input to (?P<op>\w{{1,40}}), but got input of size: (?P<size>{_SHAPE})",
            ranks.unbatched_or_batched,
            None,
        ),
        (
            rf"Expected \d{{1,2}}-dimensional input for \d{{1,2}}-dimensional weight (?P<weight>\[?[\d, ]{{1,100}}\]?), but got \d{{1,2}}-dimensional input of size (?P<size>{_SHAPE})",
            ranks.for_weight,
            None,
        ),
        (
            r"expected (?P<need>\d)D(?: or (?P<most>\d)D)? input \(got (?P<have>\d)D input\)",
            ranks.normed_rank,
            None,
        ),
        (
            rf"Padding size should be less than the corresponding input dimension, but got: padding \((?P<pads>[\d, ]{{1,40}})\) at dimension (?P<axis>\d{{1,2}}) of input (?P<input>{_SHAPE})",
            telling.padding_too_large,
            clues.reflected,
        ),
        (
            rf"Given (?:transposed=\d|(?:transposed=\d, )?groups=(?P<groups>\d{{1,9}})), weight of size (?P<weight>{_SHAPE}), expected input(?P<input>{_SHAPE}) to have (?P<need>{_N}) channels, but got (?P<have>{_N}) channels instead",
            telling.channels,
            clues.channels,
        ),
        (
            r"Calculated padded input size per channel: \((?P<padded>[\d x]{1,80})\)\. Kernel size: \((?P<span>[\d x]{1,80})\)\. Kernel size can't be greater than actual input size",
            telling.too_small,
            clues.padded,
        ),
        (
            r"Given input size: \((?P<input>[\dx]{1,80})\)\. Calculated output size: \((?P<output>[\dx-]{1,80})\)\. Output size is too small",
            telling.nothing_left,
            clues.pooled,
        ),
        (
            rf"Sizes of tensors must match except in dimension (?P<along>\d{{1,3}})\. (?:Expected size|Got) (?P<one>{_N}) (?:but got size|and) (?P<other>{_N})(?: for tensor number (?P<number>\d{{1,4}})| in dimension (?P<at>\d{{1,3}}))?",
            joins.mismatch,
            clues.joined,
        ),
        (
            rf"The size of tensor a \((?P<one>{_N})\) must match the size of tensor b \((?P<other>{_N})\) at non-singleton dimension (?P<at>\d{{1,3}})",
            joins.mismatch,
            clues.joined,
        ),
        (
            rf"shape '\[(?P<target>-?\d[-\d, ]{{0,200}})\]' is invalid for input of size (?P<have>{_N})",
            telling.reshaped,
            clues.reshaped,
        ),
        (
            rf"(?:running_mean|running_var|weight|bias) should contain (?P<have>{_N}) elements not (?P<need>{_N})",
            telling.normed,
            clues.normed,
        ),
        (
            rf"expected input's size at dim=1 to match num_features \((?P<need>{_N})\), but got: (?P<have>{_N})",
            telling.normed_instance,
            clues.normed,
        ),
        (
            rf"Expected input batch_size \((?P<have>{_N})\) to match target batch_size \((?P<target>{_N})\)",
            losses.compared_batches,
            clues.compared,
        ),
        (
            rf"(?:Using a target|Target) size \(torch\.Size\((?P<target>{_SHAPE})\)\) (?:that is different to|must be the same as) (?:the )?input size \(torch\.Size\((?P<have>{_SHAPE})\)\)",
            losses.compared_torch,
            clues.compared,
        ),
        (
            rf"size mismatch \(got input: (?P<have>{_SHAPE}) ?, target: (?P<target>{_SHAPE})",
            losses.compared_maps,
            clues.compared,
        ),
    ),
    *_kinds(
        "keras",
        (
            rf"Negative dimension size caused by subtracting (?P<need>{_N}) from (?P<have>{_N}){_NODE}(?:[^\n]{{0,1500}}? with input shapes: (?P<shape>{_SHAPE}))?",
            telling.negative,
            clues.negative,
        ),
        (
            rf"Computed output size would be negative: -?{_N} \[input_size: (?P<have>{_N}), effective_filter_size: (?P<need>{_N}), stride: (?P<stride>{_N})\](?:[\s\S]{{0,200}}?tf\.Tensor\(shape=(?P<shape>{_SHAPE}))?",
            telling.negative,
            clues.negative,
        ),
        (
            rf"Computed output size would be zero or negative\. Received:? `inputs[. ]shape=(?P<input>{_SHAPE})`, `(?:kernel shape|pool_size)=(?P<kernel>{_SHAPE})`",
            telling.negative_keras,
            clues.negative_keras,
        ),
        (
            rf"Input 0(?: with name '[^'\n]{{0,80}}')? of layer [\"'](?P<name>[^\"'\n]{{1,80}})[\"'] is incompatible with the layer: expected axis (?P<axis>-?\d) of input shape to have value (?P<need>{_N}), but received input with shape (?P<shape>{_SHAPE})",
            telling.axis_value,
            clues.axis_value,
        ),
        (
            rf"Input 0(?: with name '(?P<name>[^'\n]{{0,80}})')? of layer [\"'][^\"'\n]{{1,80}}[\"'] is incompatible with the layer: expected shape=(?P<need>{_SHAPE}), found shape=(?P<have>{_SHAPE})",
            telling.keras_entry,
            clues.entry,
        ),
        (
            rf"(?:Invalid input shape for input [^\n]{{0,300}}? )?with name '(?P<name>[^'\n]{{0,80}})'[^\n]{{0,300}}?\. Expected shape (?P<need>{_SHAPE}), but input has incompatible shape (?P<have>{_SHAPE})",
            telling.keras_entry,
            clues.entry,
        ),
        (
            rf"(?:Input 0(?: with name '[^'\n]{{0,80}}')? of layer [\"']?(?P<name>[^\"'\s]{{1,80}})[\"']? is incompatible with the layer: (?:: )?)?expected (?:min_)?ndim=(?P<need>\d{{1,3}}), found ndim=(?P<have>\d{{1,3}})(?:\. Full shape received: (?P<shape>{_SHAPE}))?",
            ranks.min_ndim,
            None,
        ),
        (
            rf"Matrix size-incompatible: In\[0\]: \[(?P<rows>{_N}),(?P<have>{_N})\], In\[1\]: \[(?P<need>{_N}),(?P<out>{_N})\]",
            telling.matmul_tf,
            clues.dense,
        ),
        (
            rf"Dimension (?P<at>\d{{1,3}}) in both shapes must be equal: shape\[0\] = (?P<a>{_SHAPE}) vs\. shape\[\d{{1,3}}\] = (?P<b>{_SHAPE})",
            joins.mismatch_along,
            clues.joined_shapes,
        ),
        (
            rf"Dimension (?P<at>\d{{1,3}}) in both shapes must be equal, but are (?P<one>{_N}) and (?P<other>{_N})\. Shapes are {_SHAPE} and {_SHAPE}\.{_NODE}",
            joins.mismatch_along,
            clues.joined,
        ),
        (
            rf"requires inputs with matching shapes except for the concat(?:enation)? axis\. (?:Received: input_shape=|Got inputs shapes: )\[(?P<shapes>{_SHAPE}(?:, {_SHAPE}){{1,64}})",
            joins.concatenated,
            clues.concatenated,
        ),
        (
            rf"Incompatible shapes: (?P<a>{_SHAPE}) vs\. (?P<b>{_SHAPE})",
            joins.mismatch_shapes,
            clues.joined_shapes,
        ),
        (
            rf"Inputs have incompatible shapes\. Received shapes (?P<a>{_SHAPE}) and (?P<b>{_SHAPE})",
            joins.mismatch_samples,
            clues.joined_samples,
        ),
        (
            rf"Dimensions must be equal, but are (?P<one>{_N}) and (?P<other>{_N}){_NODE}(?: = (?P<op>\w{{1,60}})[^\n]{{0,1500}}? with input shapes: (?P<a>{_SHAPE}), (?P<b>{_SHAPE}))?",
            joins.mismatch_node,
            clues.joined_node,
        ),
        (
            rf"Arguments `target` and `output` must have the same shape(?P<until> up until the last dimension)?[.:] (?:Received: )?target\.shape=(?P<target>{_SHAPE}), output\.shape=(?P<have>{_SHAPE})",
            losses.compared,
            clues.compared,
        ),
        (
            rf"Argument `output` must have rank \(ndim\) `target\.ndim - 1`\. Received: target\.shape=(?P<target>{_SHAPE}), output\.shape=(?P<have>{_SHAPE})",
            losses.target_rank,
            clues.compared,
        ),
        (
            rf"The total size of the tensor must be unchanged\. Received: input_shape=(?P<input>{_SHAPE}), target_shape=(?P<target>{_SHAPE})",
            telling.reshaped_shape,
            clues.reshaped_shape,
        ),
    ),
    *_kinds(
        "onnx",
        (
            rf"(?:invalid dimensions for input: (?P<name>[^\n]{{1,200}}?) for the following indices\s{{1,20}})?index: (?P<index>\d{{1,3}}) Got: (?P<have>{_N}) Expected: (?P<need>{_N})",
            telling.onnx_dims,
            clues.entry_axis,
        ),
        (
            rf"{_ORT}[^\n]{{0,400}}?Axis (?P<at>\d{{1,3}}) has mismatched dimensions of (?P<other>{_N}) and (?P<one>{_N})",
            joins.mismatch,
            clues.joined,
        ),
        (
            rf"{_ORT}[^\n]{{0,600}}?broadcast an axis by a dimension other than 1\. (?P<one>{_N}) by (?P<other>{_N})",
            joins.mismatch,
            clues.joined,
        ),
        (
            rf"{_ORT}GEMM: Dimension mismatch, W: \{{{_N},{_N}\}} K: (?P<have>{_N}) N:(?P<out>{_N})",
            telling.onnx_named,
            clues.named,
        ),
        (
            rf"{_ORT}Input channels C is not equal to kernel channels \* group\. C: (?P<have>{_N}) kernel channels: (?P<need>{_N}) group: (?P<groups>{_N})",
            telling.channels_onnx,
            clues.channels_onnx,
        ),
        (
            rf"{_ORT}[^\n]{{0,900}}?requested shape\. Input shape:(?P<input>{_SHAPE}), requested shape:(?P<target>[{{][-\d,]{{1,200}}[}}])",
            telling.reshaped_shape,
            clues.reshaped_shape,
        ),
        (
            rf"{_ORT}[^\n]{{0,200}}?(?:dimension mismatch|Invalid input|filter number not equal)",
            telling.onnx_named,
            clues.named,
        ),
    ),
)

MORE = (
    *_kinds(
        "torch",
        (r"padding='same' is not supported for strided convolutions", divisible.same_with_stride, None),
        (r"(?P<what>in|out)_channels must be divisible by groups", divisible.groups, None),
        (
            rf"Given groups=(?P<groups>{_N}), expected (?P<what>weight) to be divisible by {_N} at dimension 0, but got weight of size \[*(?P<count>{_N})",
            divisible.groups,
            None,
        ),
        (
            rf"num_channels \((?P<count>{_N})\) must be divisible by num_groups \((?P<groups>{_N})\)",
            divisible.normed_groups,
            None,
        ),
        (
            rf"Expected number of channels in input to be divisible by num_groups, but got input of shape (?P<input>\[{_N}, {_N}[\d, ]{{0,100}}\]) and num_groups=(?P<groups>{_N})",
            divisible.normed_groups,
            None,
        ),
        (
            rf"Expected weight to be a vector of size equal to the number of channels in input, but got weight of shape \[(?P<need>{_N})\] and input of shape (?P<input>\[{_N}, {_N}[\d, ]{{0,100}}\])",
            divisible.normed_weight,
            None,
        ),
        (
            rf"Given normalized_shape=\[(?P<need>{_N}[\d, ]{{0,100}})\], expected input with shape \[\*, [\d, ]{{1,100}}\], but got input of size ?(?P<input>\[{_N}[\d, ]{{0,100}}\])",
            divisible.normed_shape,
            None,
        ),
        (
            rf"pad should be at most half of effective kernel size, but got pad=(?P<pad>{_N}), kernel_size=(?P<kernel>{_N}) and dilation=(?P<dilation>{_N})",
            divisible.pool_padding,
            None,
        ),
        (
            rf"padding should be at most half of kernel size, but got padding=(?P<pad>{_N}) and kernel_size=(?P<kernel>{_N})",
            divisible.pool_padding,
            None,
        ),
        (r"non-empty (?P<need>\d)D or \dD \(batch mode\) tensor expected for input", divisible.pool_rank, None),
        (
            r"Expected (?P<need>\d)D or \dD \(batch mode\) tensor with optional 0 dim batch size for input, but got: ?(?P<size>\[[\d, ]{1,100}\])",
            divisible.pool_rank,
            None,
        ),
        (r"view size is not compatible with input tensor's size and stride", divisible.view_strides, None),
        (
            rf"pixel_shuffle expects its input's (?P<what>'channel') dimension to be divisible by the square of upscale_factor, but input\.size\(-3\)=(?P<have>{_N}) is not divisible by (?P<part>{_N})",
            divisible.shuffled,
            None,
        ),
        (
            rf"pixel_unshuffle expects (?P<what>height|width) to be divisible by downscale_factor, but input\.size\(-\d\)=(?P<have>{_N}) is not divisible by (?P<part>{_N})",
            divisible.shuffled,
            None,
        ),
    ),
    *_kinds(
        "keras",
        (
            rf"The number of (?P<what>filters) must be evenly divisible by the number of groups\. Received: groups=(?P<groups>{_N}), filters=(?P<count>{_N})",
            divisible.groups,
            None,
        ),
        (
            rf"The number of (?P<what>input channels) must be evenly divisible by the number of groups\. Received:? groups=(?P<groups>{_N}), but the input has (?P<count>{_N}) channels",
            divisible.groups,
            None,
        ),
        (
            rf"Number of groups \((?P<groups>{_N})\) must be a multiple of the number of channels \((?P<count>{_N})\)",
            divisible.normed_groups,
            None,
        ),
        (
            rf"input depth must be evenly divisible by filter depth: (?P<have>{_N}) vs (?P<need>{_N})(?P<back> \[Op:Conv\dDBackpropInput)?",
            divisible.depth,
            None,
        ),
        (
            rf"Depth of input \((?P<have>{_N})\) is not a multiple of input depth of filter \((?P<need>{_N})\)",
            divisible.depth,
            None,
        ),
        (
            rf"Input to reshape is a tensor with (?P<have>{_N}) values, but the requested shape (?P<how>requires a multiple of|has) (?P<need>{_N})",
            divisible.tensor_reshape,
            None,
        ),
    ),
    *_kinds(
        "jax",
        (
            rf"lhs feature dimension size divided by feature_group_count must equal the rhs input feature dimension size, but (?P<have>{_N}) // (?P<groups>{_N}) != (?P<need>{_N})",
            divisible.depth,
            None,
        ),
        (
            rf"feature_group_count must divide (?P<what>lhs) feature dimension size, but (?P<groups>{_N}) does not divide (?P<count>{_N})",
            divisible.groups,
            None,
        ),
        (
            rf"rhs (?P<what>output) feature dimension size must be a multiple of feature_group_count, but (?P<count>{_N}) is not a multiple of (?P<groups>{_N})",
            divisible.groups,
            None,
        ),
        (
            r"convolution requires lhs and rhs ndim to be equal, got (?P<have>\d{1,3}) and (?P<need>\d{1,3})",
            divisible.conv_ranks,
            None,
        ),
        (
            rf"dot_general requires contracting dimensions to have the same shape, got (?P<a>{_SHAPE}) and (?P<b>{_SHAPE})",
            divisible.contracted,
            None,
        ),
        (rf"got incompatible shapes for broadcasting: (?P<a>{_SHAPE}), (?P<b>{_SHAPE})", joins.combined_jax, None),
        (
            r"Incompatible shapes for broadcasting: shapes=\[(?P<a>\([\d, ]{1,100}\)), (?P<b>\([\d, ]{1,100}\))",
            joins.combined_jax,
            None,
        ),
        (
            rf"(?:concatenating along dimension (?P<along>\d{{1,3}}) for shapes|Cannot concatenate arrays with different numbers of dimensions: got) (?P<shapes>{_SHAPE}(?:, {_SHAPE}){{1,64}})",
            joins.concatenated_jax,
            None,
        ),
        (
            rf"cannot reshape array of shape (?P<input>{_SHAPE}) \(size {_N}\) into shape (?P<target>\([-\d, ]{{1,100}}\))",
            telling.reshaped_shape,
            None,
        ),
        (
            rf"For parameter \"(?P<name>[^\"\n]{{1,80}})\" in \"[^\"\n]{{0,200}}\", the given initializer is expected to generate shape (?P<made>{_SHAPE}), but the existing parameter it received has shape (?P<stored>{_SHAPE})",
            divisible.parameter,
            None,
        ),
    ),
)
"""Sentences of single layers, of which a model does not tell more than the message: no clue."""


def last_message(text: str) -> tuple[Kind, Match, int] | None:
    """The last known message of a text, with where the searched part begins; of those at one place the one that says most."""
    start = max(len(text) - LONGEST, 0)
    tail = text[start:]
    found: list[tuple[int, int, Match, Kind]] = []
    for number, kind in enumerate((*KINDS, *MORE)):
        matches = list(kind.pattern.finditer(tail))
        if matches:
            found.append((matches[-1].start(), -number, matches[-1], kind))
    if not found:
        return None
    _, _, match, kind = max(found, key=lambda one: one[:2])
    return kind, match, start
