"""Sentences of which a model tells no more than the message: those of single layers, of losses and of tensors beside a model."""

from __future__ import annotations

from convwise.answers.tracebacks import arguments, clues, divisible, joins, targets, telling, tensors
from convwise.answers.tracebacks.kinds import NUMBER, SHAPE, SIZES, kinds

SINGLE = (
    *kinds(
        "torch",
        (
            rf"Expected more than 1 (?P<what>value per channel|spatial element) when training, got input size (?:torch\.Size\()?(?P<size>{SIZES})",
            targets.few_values,
            None,
        ),
        (r"0D or 1D target tensor expected, multi-target not supported", targets.class_numbers, clues.compared),
        (
            r"only batches of spatial targets supported \(3D tensors\) but got targets of (?:dimension|size): ?:? ?(?P<have>\d)",
            targets.maps_of_classes,
            clues.compared,
        ),
        (rf"Expected target size (?P<need>{SIZES}), got (?P<have>{SIZES})", targets.target_size, clues.compared),
        (
            rf"(?P<who>stack) expects each tensor to be equal size, but got (?P<a>{SIZES}) at entry \d{{1,9}} and (?P<b>{SIZES}) at entry \d{{1,9}}",
            tensors.stacked,
            None,
        ),
        (
            rf"output with shape (?P<have>{SIZES}) doesn't match the broadcast shape (?P<made>{SIZES})",
            tensors.in_place,
            None,
        ),
        (
            r"Tensors must have same number of dimensions: got (?P<one>\d{1,3}) and (?P<other>\d{1,3})",
            tensors.ranks_joined,
            None,
        ),
        (
            rf"Expected size for first two dimensions of batch2 tensor to be: (?P<need>\[{NUMBER}, {NUMBER}\]) but got: (?P<have>\[{NUMBER}, {NUMBER}\])",
            tensors.multiplied,
            None,
        ),
        (
            rf"unflatten: Provided sizes (?P<sizes>{SIZES}) don't multiply up to the size of dim (?P<axis>\d{{1,3}}) \((?P<have>{NUMBER})\)",
            tensors.unflattened,
            None,
        ),
        (
            rf"The expanded size of the tensor \((?P<need>{NUMBER})\) must match the existing size \((?P<have>{NUMBER})\) at non-singleton dimension (?P<at>\d{{1,3}})\.\s{{1,4}}Target sizes: (?P<a>{SHAPE})\.\s{{1,4}}Tensor sizes: (?P<b>{SHAPE})",
            tensors.expanded,
            None,
        ),
        (
            rf"input\.size\(-1\) must be equal to input_size\. Expected (?P<need>{NUMBER}), got (?P<have>{NUMBER})",
            tensors.recurrent,
            None,
        ),
        (
            r"output padding must be smaller than either stride or dilation, but got (?P<all>(?:\w{1,40}: \d{1,9} ?){1,12})",
            arguments.output_padding_torch,
            None,
        ),
        (
            rf"requested an output size of (?P<wanted>{SIZES}), but valid sizes range from (?P<least>{SIZES}) to (?P<most>{SIZES}) \(for an input of torch\.Size\((?P<given>{SIZES})\)",
            arguments.output_size,
            None,
        ),
        (
            r"Given input size per channel: \((?P<input>[\d x]{1,80})\)\. Calculated output size per channel: \((?P<output>[-\d x]{1,80})\)\. Output size is too small",
            arguments.nothing_made,
            None,
        ),
        (
            r"Got (?P<have>\d)D input, but (?P<mode>linear|bilinear|trilinear|bicubic|lanczos) mode needs (?P<need>\d)D input",
            arguments.mode_rank,
            None,
        ),
        (r"padding='same' is not supported for strided convolutions", divisible.same_with_stride, None),
        (r"(?P<what>in|out)_channels must be divisible by groups", divisible.groups, None),
        (
            rf"Given groups=(?P<groups>{NUMBER}), expected (?P<what>weight) to be divisible by {NUMBER} at dimension 0, but got weight of size \[*(?P<count>{NUMBER})",
            divisible.groups,
            None,
        ),
        (
            rf"num_channels \((?P<count>{NUMBER})\) must be divisible by num_groups \((?P<groups>{NUMBER})\)",
            divisible.normed_groups,
            None,
        ),
        (
            rf"Expected number of channels in input to be divisible by num_groups, but got input of shape (?P<input>\[{NUMBER}, {NUMBER}[\d, ]{{0,100}}\]) and num_groups=(?P<groups>{NUMBER})",
            divisible.normed_groups,
            None,
        ),
        (
            rf"Expected weight to be a vector of size equal to the number of channels in input, but got weight of shape \[(?P<need>{NUMBER})\] and input of shape (?P<input>\[{NUMBER}, {NUMBER}[\d, ]{{0,100}}\])",
            divisible.normed_weight,
            None,
        ),
        (
            rf"Given normalized_shape=\[(?P<need>{NUMBER}[\d, ]{{0,100}})\], expected input with shape \[\*, [\d, ]{{1,100}}\], but got input of size ?(?P<input>\[{NUMBER}[\d, ]{{0,100}}\])",
            divisible.normed_shape,
            None,
        ),
        (
            rf"pad should be at most half of effective kernel size, but got pad=(?P<pad>{NUMBER}), kernel_size=(?P<kernel>{NUMBER}) and dilation=(?P<dilation>{NUMBER})",
            divisible.pool_padding,
            None,
        ),
        (
            rf"pad(?:ding)? should be at most half of kernel size, but got pad(?:ding)?=(?P<pad>{NUMBER}) and kernel_size=(?P<kernel>{NUMBER})",
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
            rf"pixel_shuffle expects its input's (?P<what>'channel') dimension to be divisible by the square of upscale_factor, but input\.size\(-3\)=(?P<have>{NUMBER}) is not divisible by (?P<part>{NUMBER})",
            divisible.shuffled,
            None,
        ),
        (
            rf"pixel_unshuffle expects (?P<what>height|width) to be divisible by downscale_factor, but input\.size\(-\d\)=(?P<have>{NUMBER}) is not divisible by (?P<part>{NUMBER})",
            divisible.shuffled,
            None,
        ),
    ),
    *kinds(
        "keras",
        (
            r"`strides > 1` not supported in conjunction with `dilation_rate > 1`\. Received: strides=(?P<strides>\(?\d[\d, ]{0,40}\)?) and dilation_rate=(?P<rates>\(?\d[\d, ]{0,40}\)?)",
            arguments.stride_and_dilation,
            None,
        ),
        (
            rf"`output_padding` must be strictly less than `strides` for all dimensions\. At dimension (?P<at>\d{{1,3}}), `output_padding` is (?P<have>{NUMBER}) but `strides` is (?P<stride>{NUMBER})",
            arguments.output_padding,
            None,
        ),
        (
            rf"output depth must be evenly divisible by number of groups: (?P<count>{NUMBER}) vs (?P<groups>{NUMBER})",
            arguments.grouped_filter,
            None,
        ),
        (
            rf"Cannot reshape a tensor with (?P<have>{NUMBER}) elements to shape (?P<target>\[[-\d, ?]{{1,200}}\])",
            tensors.reshaped_count,
            None,
        ),
        (
            rf"the input size cannot by divided by the specified dimensions in target_shape\. Received: input_shape=(?P<input>{SHAPE}), target_shape=(?P<target>\([-\d, ]{{1,100}}\))",
            tensors.reshaped_open,
            clues.reshaped_shape,
        ),
        (
            rf"Shapes used to initialize variables must be fully-defined \(no `None` dimensions\)\. Received: shape=(?P<shape>{SHAPE}) for variable path='(?P<path>[^'\n]{{1,300}})'",
            tensors.open_weights,
            None,
        ),
        (
            rf"Input size must be at least (?P<least>{NUMBER}x{NUMBER}); Received: input_shape=(?P<have>{SIZES})",
            tensors.too_small_input,
            None,
        ),
        (
            rf"Ranks of all input tensors should match: shape\[0\] = (?P<a>{SHAPE}) vs\. shape\[\d{{1,4}}\] = (?P<b>{SHAPE})",
            tensors.ranks_joined,
            None,
        ),
        (
            rf"Shapes of all inputs must match: (?P<who>values)\[0\]\.shape = (?P<a>{SIZES}) != values\[\d{{1,9}}\]\.shape = (?P<b>{SIZES})",
            tensors.stacked,
            None,
        ),
        (
            rf"(?:Values in `cropping` argument should be smaller than the corresponding spatial dimension of the input|`cropping` parameter of `Cropping1D` layer must be smaller than the input length)\. Received: input_shape=(?P<input>{SHAPE}), cropping=(?P<crops>\([\d, ()]{{1,100}}\))",
            arguments.cropped,
            None,
        ),
        (
            rf"Incompatible input shapes: axis values (?P<one>{NUMBER}) \(at axis (?P<at>\d{{1,3}})\) != (?P<other>{NUMBER}) \(at axis (?P<to>\d{{1,3}})\)\. Full input shapes: (?P<a>{SHAPE}), (?P<b>{SHAPE})",
            arguments.dotted,
            None,
        ),
        (
            rf"The number of (?P<what>filters) must be evenly divisible by the number of groups\. Received: groups=(?P<groups>{NUMBER}), filters=(?P<count>{NUMBER})",
            divisible.groups,
            None,
        ),
        (
            rf"The number of (?P<what>input channels) must be evenly divisible by the number of groups\. Received:? groups=(?P<groups>{NUMBER}), but the input has (?P<count>{NUMBER}) channels",
            divisible.groups,
            None,
        ),
        (
            rf"Number of groups \((?P<groups>{NUMBER})\) must be a multiple of the number of channels \((?P<count>{NUMBER})\)",
            divisible.normed_groups,
            None,
        ),
        (
            rf"input depth must be evenly divisible by filter depth: (?P<have>{NUMBER}) vs (?P<need>{NUMBER})(?P<back> \[Op:Conv\dDBackpropInput)?",
            divisible.depth,
            None,
        ),
        (
            rf"Depth of input \((?P<have>{NUMBER})\) is not a multiple of input depth of filter \((?P<need>{NUMBER})\)",
            divisible.depth,
            None,
        ),
        (
            rf"Input to reshape is a tensor with (?P<have>{NUMBER}) values, but the requested shape (?P<how>requires a multiple of|has) (?P<need>{NUMBER})",
            divisible.tensor_reshape,
            None,
        ),
    ),
    *kinds(
        "numpy",
        (
            rf"cannot reshape array of size (?P<have>{NUMBER}) into shape (?P<target>\([-\d, ]{{1,200}}\))",
            tensors.reshaped_count,
            None,
        ),
    ),
    *kinds(
        "jax",
        (
            rf"lhs feature dimension size divided by feature_group_count must equal the rhs input feature dimension size, but (?P<have>{NUMBER}) // (?P<groups>{NUMBER}) != (?P<need>{NUMBER})",
            divisible.depth,
            None,
        ),
        (
            rf"feature_group_count must divide (?P<what>lhs) feature dimension size, but (?P<groups>{NUMBER}) does not divide (?P<count>{NUMBER})",
            divisible.groups,
            None,
        ),
        (
            rf"rhs (?P<what>output) feature dimension size must be a multiple of feature_group_count, but (?P<count>{NUMBER}) is not a multiple of (?P<groups>{NUMBER})",
            divisible.groups,
            None,
        ),
        (
            r"convolution requires lhs and rhs ndim to be equal, got (?P<have>\d{1,3}) and (?P<need>\d{1,3})",
            divisible.conv_ranks,
            None,
        ),
        (
            rf"dot_general requires contracting dimensions to have the same shape, got (?P<a>{SHAPE}) and (?P<b>{SHAPE})",
            divisible.contracted,
            None,
        ),
        (rf"got incompatible shapes for broadcasting: (?P<a>{SHAPE}), (?P<b>{SHAPE})", joins.mismatch_shapes, None),
        (
            r"Incompatible shapes for broadcasting: shapes=\[(?P<a>\([\d, ]{1,100}\)), (?P<b>\([\d, ]{1,100}\))",
            joins.mismatch_shapes,
            None,
        ),
        (
            rf"(?:concatenating along dimension (?P<along>\d{{1,3}}) for shapes|Cannot concatenate arrays with different numbers of dimensions: got) (?P<shapes>{SHAPE}(?:, {SHAPE}){{1,64}})",
            joins.concatenated_jax,
            None,
        ),
        (
            rf"cannot reshape array of shape (?P<input>{SHAPE}) \(size {NUMBER}\) into shape (?P<target>\([-\d, ]{{1,100}}\))",
            telling.reshaped_shape,
            None,
        ),
        (
            rf"For parameter \"(?P<name>[^\"\n]{{1,80}})\" in \"[^\"\n]{{0,200}}\", the given initializer is expected to generate shape (?P<made>{SHAPE}), but the existing parameter it received has shape (?P<stored>{SHAPE})",
            divisible.parameter,
            None,
        ),
    ),
)
"""Sentences of single layers, of which a model does not tell more than the message: no clue."""
