"""The sentences of the frameworks that are known, as they are printed."""

from __future__ import annotations

from convwise.answers.tracebacks import clues, joins, losses, ranks, telling
from convwise.answers.tracebacks.kinds import NUMBER, SHAPE, Kind, Match, kinds
from convwise.answers.tracebacks.more import MORE
from convwise.answers.tracebacks.single import SINGLE

LONGEST = 20_000
"""Characters of the end of a pasted text that are searched: the message stands last."""

TITLES = {
    "torch": "PyTorch",
    "keras": "Keras",
    "onnx": "ONNX Runtime",
    "jax": "JAX",
    "numpy": "NumPy",
    "opencv": "OpenCV",
}

_NODE = r"(?: for '\{\{node (?P<name>[^}\n]{1,300})\}\})?"
_ORT = r"while running (?P<op>\w{1,60}) node\. Name:'(?P<name>[^'\n]{0,300})' Status Message: "


KINDS = (
    *kinds(
        "torch",
        (
            rf"mat1 and mat2 shapes cannot be multiplied \((?P<rows>{NUMBER})x(?P<have>{NUMBER}) and (?P<need>{NUMBER})x(?P<out>{NUMBER})\)",
            telling.matmul,
            clues.dense,
        ),
        (
            rf"size mismatch, m1: \[(?P<rows>{NUMBER}) x (?P<have>{NUMBER})\], m2: \[(?P<need>{NUMBER}) x (?P<out>{NUMBER})\]",
            telling.matmul,
            clues.dense,
        ),
        (
            rf"Expected (?P<need>\d)D \(unbatched\) or \dD \(batched\) input to (?P<op>\w{{1,40}}), but got input of size: (?P<size>{SHAPE})",
            ranks.unbatched_or_batched,
            None,
        ),
        (
            rf"Expected \d{{1,2}}-dimensional input for \d{{1,2}}-dimensional weight (?P<weight>\[?[\d, ]{{1,100}}\]?), but got \d{{1,2}}-dimensional input of size (?P<size>{SHAPE})",
            ranks.for_weight,
            None,
        ),
        (
            r"expected (?P<need>\d)D(?: or (?P<most>\d)D)? input \(got (?P<have>\d)D input\)",
            ranks.normed_rank,
            None,
        ),
        (
            rf"Padding size should be less than the corresponding input dimension, but got: padding \((?P<pads>[\d, ]{{1,40}})\) at dimension (?P<axis>\d{{1,2}}) of input (?P<input>{SHAPE})",
            telling.padding_too_large,
            clues.reflected,
        ),
        (
            rf"Given (?:transposed=\d|(?:transposed=\d, )?groups=(?P<groups>\d{{1,9}})), weight(?: of size )?(?P<weight>{SHAPE}|[\d ]{{1,60}}), (?:so )?expected input(?P<input>{SHAPE}) to have (?P<need>{NUMBER}) channels, but got (?P<have>{NUMBER}) channels instead",
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
            rf"Sizes of tensors must match except in dimension (?P<along>\d{{1,3}})\. (?:Expected size|Got) (?P<one>{NUMBER}) (?:but got size|and) (?P<other>{NUMBER})(?: for tensor number (?P<number>\d{{1,4}})| in dimension (?P<at>\d{{1,3}}))?",
            joins.mismatch,
            clues.joined,
        ),
        (
            rf"The size of tensor a \((?P<one>{NUMBER})\) must match the size of tensor b \((?P<other>{NUMBER})\) at non-singleton dimension (?P<at>\d{{1,3}})",
            joins.mismatch,
            clues.joined,
        ),
        (
            rf"shape '\[(?P<target>-?\d[-\d, ]{{0,200}})\]' is invalid for input of size (?P<have>{NUMBER})",
            telling.reshaped,
            clues.reshaped,
        ),
        (
            rf"(?:running_mean|running_var|weight|bias) should contain (?P<have>{NUMBER}) elements not (?P<need>{NUMBER})",
            telling.normed,
            clues.normed,
        ),
        (
            rf"expected input's size at dim=1 to match num_features \((?P<need>{NUMBER})\), but got: (?P<have>{NUMBER})",
            telling.normed_instance,
            clues.normed,
        ),
        (
            rf"Expected input batch_size \((?P<have>{NUMBER})\) to match target batch_size \((?P<target>{NUMBER})\)",
            losses.compared_batches,
            clues.compared,
        ),
        (
            rf"(?:Using a target|Target) size \(torch\.Size\((?P<target>{SHAPE})\)\) (?:that is different to|must be the same as) (?:the )?input size \(torch\.Size\((?P<have>{SHAPE})\)\)",
            losses.compared_torch,
            clues.compared,
        ),
        (
            rf"size mismatch \(got input: (?P<have>{SHAPE}) ?, target: (?P<target>{SHAPE})",
            losses.compared_maps,
            clues.compared,
        ),
    ),
    *kinds(
        "keras",
        (
            rf"Negative dimension size caused by subtracting (?P<need>{NUMBER}) from (?P<have>{NUMBER}){_NODE}(?:[^\n]{{0,1500}}? with input shapes: (?P<shape>{SHAPE}))?",
            telling.negative,
            clues.negative,
        ),
        (
            rf"Computed output size would be negative: -?{NUMBER} \[input_size: (?P<have>{NUMBER}), effective_filter_size: (?P<need>{NUMBER}), stride: (?P<stride>{NUMBER})\](?:[\s\S]{{0,200}}?tf\.Tensor\(shape=(?P<shape>{SHAPE}))?",
            telling.negative,
            clues.negative,
        ),
        (
            rf"Computed output size would be zero or negative\. Received:? `inputs[. ]shape=(?P<input>{SHAPE})`, `(?:kernel shape|pool_size)=(?P<kernel>{SHAPE})`",
            telling.negative_keras,
            clues.negative_keras,
        ),
        (
            rf"Input 0(?: with name '[^'\n]{{0,80}}')? of layer [\"']?(?P<name>[^\"'\n]{{1,80}}?)[\"']? is incompatible with the layer: expected axis (?P<axis>-?\d) of input shape to have value (?P<need>{NUMBER}),? but received input with shape (?P<shape>{SHAPE})",
            telling.axis_value,
            clues.axis_value,
        ),
        (
            rf"Input 0(?: with name '(?P<name>[^'\n]{{0,80}})')? of layer [\"'][^\"'\n]{{1,80}}[\"'] is incompatible with the layer: expected shape=(?P<need>{SHAPE}), found shape=(?P<have>{SHAPE})",
            telling.keras_entry,
            clues.entry,
        ),
        (
            rf"(?:Invalid input shape for input [^\n]{{0,300}}? )?with name '(?P<name>[^'\n]{{0,80}})'[^\n]{{0,300}}?\. Expected shape (?P<need>{SHAPE}), but input has incompatible shape (?P<have>{SHAPE})",
            telling.keras_entry,
            clues.entry,
        ),
        (
            rf"(?:Input 0(?: with name '[^'\n]{{0,80}}')? of layer [\"']?(?P<name>[^\"'\s]{{1,80}})[\"']? is incompatible with the layer: (?:: )?)?expected (?:min_)?ndim=(?P<need>\d{{1,3}}), found ndim=(?P<have>\d{{1,3}})(?:\. Full shape received: (?P<shape>{SHAPE}))?",
            ranks.min_ndim,
            None,
        ),
        (
            rf"Matrix size-incompatible: In\[0\]: \[(?P<rows>{NUMBER}),(?P<have>{NUMBER})\], In\[1\]: \[(?P<need>{NUMBER}),(?P<out>{NUMBER})\]",
            telling.matmul_tf,
            clues.dense,
        ),
        (
            rf"Dimension (?P<at>\d{{1,3}}) in both shapes must be equal: shape\[0\] = (?P<a>{SHAPE}) vs\. shape\[\d{{1,3}}\] = (?P<b>{SHAPE})",
            joins.mismatch_along,
            clues.joined_shapes,
        ),
        (
            rf"Dimension (?P<at>\d{{1,3}}) in both shapes must be equal, but are (?P<one>{NUMBER}) and (?P<other>{NUMBER})\. Shapes are {SHAPE} and {SHAPE}\.{_NODE}",
            joins.mismatch_along,
            clues.joined,
        ),
        (
            rf"requires inputs with matching shapes except for the concat(?:enation)? axis\. (?:Received: input_shape=|Got inputs shapes: )\[(?P<shapes>{SHAPE}(?:, {SHAPE}){{1,64}})",
            joins.concatenated,
            clues.concatenated,
        ),
        (
            rf"Incompatible shapes: (?P<a>{SHAPE}) vs\. (?P<b>{SHAPE})",
            joins.mismatch_shapes,
            clues.joined_shapes,
        ),
        (
            rf"Inputs have incompatible shapes\. Received shapes (?P<a>{SHAPE}) and (?P<b>{SHAPE})",
            joins.mismatch_samples,
            clues.joined_samples,
        ),
        (
            rf"Dimensions must be equal, but are (?P<one>{NUMBER}) and (?P<other>{NUMBER}){_NODE}(?: = (?P<op>\w{{1,60}})[^\n]{{0,1500}}? with input shapes: (?P<a>{SHAPE}), (?P<b>{SHAPE}))?",
            joins.mismatch_node,
            clues.joined_node,
        ),
        (
            rf"Arguments `target` and `output` must have the same shape(?P<until> up until the last dimension)?[.:] (?:Received: )?target\.shape=(?P<target>{SHAPE}), output\.shape=(?P<have>{SHAPE})",
            losses.compared,
            clues.compared,
        ),
        (
            rf"Argument `output` must have rank \(ndim\) `target\.ndim - 1`\. Received: target\.shape=(?P<target>{SHAPE}), output\.shape=(?P<have>{SHAPE})",
            losses.target_rank,
            clues.compared,
        ),
        (
            rf"The total size of the tensor must be unchanged\. Received: input_shape=(?P<input>{SHAPE}), target_shape=(?P<target>{SHAPE})",
            telling.reshaped_shape,
            clues.reshaped_shape,
        ),
    ),
    *kinds(
        "onnx",
        (
            rf"(?:invalid dimensions for input: (?P<name>[^\n]{{1,200}}?) for the following indices\s{{1,20}})?index: (?P<index>\d{{1,3}}) Got: (?P<have>{NUMBER}) Expected: (?P<need>{NUMBER})",
            telling.onnx_dims,
            clues.entry_axis,
        ),
        (
            rf"{_ORT}[^\n]{{0,400}}?Axis (?P<at>\d{{1,3}}) has mismatched dimensions of (?P<other>{NUMBER}) and (?P<one>{NUMBER})",
            joins.mismatch,
            clues.joined,
        ),
        (
            rf"{_ORT}[^\n]{{0,600}}?broadcast an axis by a dimension other than 1\. (?P<one>{NUMBER}) by (?P<other>{NUMBER})",
            joins.mismatch,
            clues.joined,
        ),
        (
            rf"{_ORT}GEMM: Dimension mismatch, W: \{{{NUMBER},{NUMBER}\}} K: (?P<have>{NUMBER}) N:(?P<out>{NUMBER})",
            telling.onnx_named,
            clues.named,
        ),
        (
            rf"{_ORT}Input channels C is not equal to kernel channels \* group\. C: (?P<have>{NUMBER}) kernel channels: (?P<need>{NUMBER}) group: (?P<groups>{NUMBER})",
            telling.channels_onnx,
            clues.channels_onnx,
        ),
        (
            rf"{_ORT}[^\n]{{0,900}}?requested shape\. Input shape:(?P<input>{SHAPE}), requested shape:(?P<target>[{{][-\d,]{{1,200}}[}}])",
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


def last_message(text: str) -> tuple[Kind, Match, int] | None:
    """The last known message of a text, with where the searched part begins; of those at one place the one that says most."""
    start = max(len(text) - LONGEST, 0)
    tail = text[start:]
    found: list[tuple[int, int, Match, Kind]] = []
    for number, kind in enumerate((*KINDS, *SINGLE, *MORE)):
        matches = list(kind.pattern.finditer(tail))
        if matches:
            found.append((matches[-1].start(), -number, matches[-1], kind))
    if not found:
        return None
    _, _, match, kind = max(found, key=lambda one: one[:2])
    return kind, match, start
