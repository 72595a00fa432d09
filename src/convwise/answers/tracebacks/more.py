"""Sentences about arrays, stored weights and single operations: of Keras 1 and 2, PyTorch, ONNX Runtime, OpenCV and what shows pictures."""

from __future__ import annotations

from convwise.answers.tracebacks import arrays, clues, divisible, joins, operations, telling, tensors
from convwise.answers.tracebacks.kinds import NUMBER, SHAPE, SIZES, kinds
from convwise.answers.tracebacks.operations import saying

_CHECKING = r"Error when checking (?:model )?"
_BRACKETS = r"[(\[][\d, None?.]{1,200}[)\]]"

ARRAYS = kinds(
    "keras",
    (
        rf"{_CHECKING}input ?: expected (?P<name>[\w/]{{1,80}}) to have (?P<need>\d) dimensions, but got array with shape (?P<have>{SHAPE})",
        arrays.input_axes,
        None,
    ),
    (
        rf"{_CHECKING}input ?: expected (?P<name>[\w/]{{1,80}}) to have shape (?P<need>{SHAPE}) but got array with shape (?P<have>{SHAPE})",
        arrays.input_shape,
        None,
    ),
    (
        rf"{_CHECKING}target ?: expected (?P<name>[\w/]{{1,80}}) to have (?P<need>\d) dimensions, but got array with shape (?P<have>{SHAPE})",
        arrays.target_axes,
        clues.compared,
    ),
    (
        rf"{_CHECKING}target ?: expected (?P<name>[\w/]{{1,80}}) to have shape (?P<need>{SHAPE}) but got array with shape (?P<have>{SHAPE})",
        arrays.target_shape,
        clues.compared,
    ),
    (
        rf"`?logits`? and `?labels`? must have the same shape,?(?: received)? \((?P<have>{SHAPE}) vs\.? (?P<target>{SHAPE})\)",
        arrays.both,
        clues.compared,
    ),
    (
        rf"logits and labels must be (?:broadcastable|same size): logits_size=(?P<have>{SHAPE}) labels_size=(?P<target>{SHAPE})",
        arrays.both,
        clues.compared,
    ),
    (
        rf"logits and labels must have the same first dimension, got logits shape (?P<have>{SIZES}) and labels shape (?P<target>{SIZES})",
        arrays.first_axes,
        clues.compared,
    ),
    (
        rf"The shape of labels \(received (?P<target>{SHAPE})\) should equal the shape of logits except for the last dimension \(received (?P<have>{SHAPE})\)",
        saying(
            "The loss takes one class number for each row of outputs: labels are {target} and outputs {have}.",
            arrays.ROWS,
        ),
        clues.compared,
    ),
    (
        rf"Rank of labels \(received (?P<target>{NUMBER})\) should equal rank of logits minus 1 \(received (?P<have>{NUMBER})\)",
        arrays.label_ranks,
        clues.compared,
    ),
    (
        rf"(?<!\w)Shapes (?P<target>{_BRACKETS}) and (?P<have>{_BRACKETS}) are incompatible",
        arrays.incompatible,
        clues.compared,
    ),
    (
        rf"Arguments `target` and `output` must have the same rank \(ndim\)\. Received: target\.shape=(?P<target>{SHAPE}), output\.shape=(?P<have>{SHAPE})",
        arrays.both,
        clues.compared,
    ),
    (
        rf"A target array with shape (?P<target>{SHAPE}) was passed for an output of shape (?P<have>{SHAPE})",
        arrays.both,
        clues.compared,
    ),
    (
        rf"You are passing a target array of shape (?P<target>{SHAPE}) while using as loss `categorical_crossentropy`",
        saying(
            "The loss takes a row of 0 and 1 for each sample, and the targets are {target}.",
            "loss='sparse_categorical_crossentropy' takes class numbers, and keras.utils.to_categorical(y) makes rows of them",
        ),
        clues.compared,
    ),
    (
        r"Data cardinality is ambiguous[\s\S]{0,120}?'?x'? sizes: (?P<x>[\d, ]{1,80})\s{1,8}'?y'? sizes: (?P<y>[\d, ]{1,80})",
        arrays.cardinality,
        clues.compared,
    ),
    (
        rf"Found (?P<x>{NUMBER}) input samples and (?P<y>{NUMBER}) target samples",
        arrays.cardinality,
        clues.compared,
    ),
    (
        rf"Received a label value of (?P<have>-?{NUMBER}) which is outside the valid range of \[(?P<least>{NUMBER}), (?P<most>{NUMBER})\)",
        arrays.label,
        clues.compared,
    ),
    (
        rf"Cannot feed value of shape (?P<have>{SHAPE}) for Tensor '(?P<name>[^'\n]{{1,80}})', which has shape '(?P<need>{SHAPE})'",
        arrays.fed,
        None,
    ),
    (
        rf"Input 0 is incompatible with layer (?P<name>[\w/]{{1,80}}): expected shape=(?P<need>{SHAPE}), found shape=(?P<have>{SHAPE})",
        telling.keras_entry,
        clues.entry,
    ),
    (
        rf"total size of new array must be unchanged, input_shape = (?P<input>{SHAPE}), output_shape = (?P<target>\[[-\d, ]{{1,100}}\])",
        telling.reshaped_shape,
        clues.reshaped_shape,
    ),
    (
        rf"can only merge layers with matching output shapes(?: except for the concat axis)?\. Layer shapes: \[(?P<shapes>{SHAPE}(?:, {SHAPE}){{1,64}})",
        joins.concatenated,
        clues.concatenated,
    ),
    (
        rf"Operands could not be broadcast together with shapes (?P<a>{SHAPE}) (?P<b>{SHAPE})",
        joins.mismatch_samples,
        clues.joined_samples,
    ),
    (
        rf"Dimensions of inputs should match: shape\[0\] = (?P<a>{SHAPE}) vs\. shape\[\d{{1,3}}\] = (?P<b>{SHAPE})",
        joins.mismatch_shapes,
        clues.joined_shapes,
    ),
    (
        rf"Shape must be rank (?P<need>\d) but is rank \d(?: for [^\n]{{0,200}}? with input shapes: (?P<size>{SHAPE}))",
        arrays.ranked,
        None,
    ),
    (rf"input must be (?P<need>\d)-dimensional(?P<size>{SIZES})", arrays.ranked, None),
    (
        rf"number of input channels does not match corresponding dimension of filter, (?P<have>{NUMBER}) != (?P<need>{NUMBER})",
        divisible.depth,
        None,
    ),
    (
        rf"First element had (?P<who>shape) (?P<a>{SIZES}) and element \d{{1,9}} had shape (?P<b>{SIZES})",
        tensors.stacked,
        None,
    ),
    (
        rf"due to downsampling in (?P<name>[\w/]{{1,80}})\. Consider increasing the input size\. Received input shape (?P<size>{SHAPE})",
        arrays.shrunk,
        None,
    ),
    (
        r"The (?:channel dimension|last dimension) of the inputs(?: to (?:a )?`?Dense`?(?: layer)?)? should be defined",
        arrays.open_last,
        None,
    ),
    (
        rf"The input must have 3 channels; (?:Received|got) `input_shape=(?P<have>{SIZES})`",
        arrays.colours,
        None,
    ),
    (
        rf"Input size must be at least (?P<least>{NUMBER}x{NUMBER}); got `input_shape=(?P<have>{SIZES})`",
        tensors.too_small_input,
        None,
    ),
    (
        rf"`include_top=True`[^\n]{{0,80}} `input_shape` should be (?P<need>{SIZES})\.\s{{1,4}}Received: input_shape=(?P<have>{SHAPE})",
        arrays.included_top,
        None,
    ),
    (
        rf"Layer (?:\S{{1,80}} )?weight shape (?P<need>{SHAPE}) (?:is )?not compatible with provided weight shape (?P<have>{SHAPE})",
        arrays.weights,
        None,
    ),
    (
        rf"The variable shape (?P<need>{SHAPE}), and the assigned value shape (?P<have>{SHAPE}) are incompatible",
        arrays.weights,
        None,
    ),
)

OPERATIONS = kinds(
    "torch",
    (
        rf"size mismatch for (?P<name>[\w.]{{1,200}}): copying a param with shape torch\.Size\((?P<have>{SIZES})\) from checkpoint, the shape in current model is torch\.Size\((?P<need>{SIZES})\)",
        arrays.checkpoint,
        None,
    ),
    (
        r"size mismatch, got input \(\d{1,9}\), mat \((?P<out>\d{1,9})x(?P<need>\d{1,9})\), vec \((?P<have>\d{1,9})\)",
        operations.vector,
        clues.dense,
    ),
    (
        r"mat1 dim 1 must match mat2 dim 0",
        saying(
            "What reaches the Linear layer has another number of features than its weights are made for.",
            "the message tells no numbers: print(x.shape) before it shows the features last, and nn.Linear takes that number first",
        ),
        None,
    ),
    (rf"Target (?P<have>-?{NUMBER}) is out of bounds", arrays.label, clues.compared),
    (
        r"Assertion `(?:cur_target >= 0 && cur_target < n_classes|t >= 0 && t < n_classes)`? ?'?(?: && \"[^\"\n]{0,60}\")? ?failed",
        saying(
            "The targets hold a class number that no unit of the last layer stands for.",
            "class numbers count from 0: of n classes they are 0 to n - 1, and the last layer has n units; print(y.min(), y.max())",
        ),
        clues.compared,
    ),
    (
        rf"split_with_sizes expects split_sizes to sum exactly to (?P<have>{NUMBER}) \(input tensor's size at dimension (?P<axis>-?\d{{1,3}})\), but got split_sizes=(?P<pieces>\[[\d, ]{{1,200}}\])",
        operations.split,
        None,
    ),
    (
        rf"maximum size for tensor at dimension (?P<axis>\d{{1,3}}) is (?P<have>{NUMBER}) but size is (?P<need>{NUMBER})",
        operations.unfolded,
        None,
    ),
    (
        r"Given input with spatial size (?P<size>\([\d, ]{1,80}\)), kernel_size=(?P<kernel>\([\d, ]{1,80}\))",
        operations.columns,
        None,
    ),
    (
        rf"to be divisible by the product of kernel_size, but got input\.size\(1\)=(?P<have>{NUMBER}) and kernel_size=(?P<kernel>\([\d, ]{{1,80}}\))",
        operations.folded,
        None,
    ),
    (
        r"non-positive stride is not supported|stride should (?:not be zero|be greater than zero)",
        saying("A stride of 0 or less: a window has to step on by one cell at least.", "stride=1, or more to halve"),
        None,
    ),
    (
        r"negative padding is not supported",
        saying(
            "Padding of less than 0.",
            "padding=0, and x[:, :, 1:-1, 1:-1] or F.pad(x, (-1, -1, -1, -1)) to cut cells off",
        ),
        None,
    ),
    (
        r"batch(?P<which>[12]) must be a 3D tensor|batch1 and batch2 must have same number of dimensions",
        operations.batch_of_matrices,
        None,
    ),
    (
        rf"einsum\(\): subscript (?P<letter>\w) has size (?P<have>{NUMBER}) for operand (?P<place>\d{{1,3}}) which does not broadcast with previously seen size (?P<other>{NUMBER})",
        operations.summed,
        None,
    ),
    (
        r"einsum\(\): the number of subscripts in the equation \((?P<letters>\d{1,3})\) (?:does not match|is more than) the number of dimensions \((?P<axes>\d{1,3})\) for operand (?P<place>\d{1,3})",
        operations.lettered,
        None,
    ),
    (
        r"Dimension out of range \(expected to be in range of \[(?P<least>-\d{1,3}), \d{1,3}\], but got (?P<have>-?\d{1,9})\)",
        operations.axis_range,
        None,
    ),
    (
        r"number of dims don't match in permute|number of dimensions in the tensor input does not match the length of the desired ordering of dimensions(?: i\.e\. input\.dim\(\) = (?P<have>\d{1,3}) is not equal to len\(dims\) = (?P<need>\d{1,3}))?",
        operations.permuted,
        None,
    ),
    (
        rf"size '\[(?P<target>-?\d[-\d x]{{0,200}})\]' is invalid for input (?:of )?with (?P<have>{NUMBER}) elements",
        telling.reshaped,
        clues.reshaped,
    ),
    (
        r"Input type \((?:torch\.)?(?P<one>[\w. ]{1,40})\) and (?:weight|bias) type \((?:torch\.)?(?P<other>[\w. ]{1,40})\) should be the same"
        r"(?! or input)",
        operations.number_type,
        None,
    ),
    (
        r"mat1 and mat2 must have the same dtype, but got (?P<one>\w{1,20}) and (?P<other>\w{1,20})",
        operations.number_type,
        None,
    ),
    (
        r"[Ee]xpected (?:object of )?scalar type (?!Long)(?P<one>\w{1,20}) but (?:got scalar type|found) (?P<other>\w{1,20})",
        operations.number_type,
        None,
    ),
    (
        r"Expected all tensors to be on the same device|Input type \((?:torch\.)?(?:cuda\.)?\w{1,20}\) and weight type \((?:torch\.)?(?:cuda\.)?\w{1,20}\) should be the same or input",
        saying(
            "No size is at fault: the data and the weights are on two devices.",
            "x.to(next(model.parameters()).device), and the targets too",
        ),
        None,
    ),
    (
        r"(?P<who>\w{1,40})\(\): argument '\w{1,40}' \(position \d\) must be Tensor, not (?P<kind>[\w.]{1,60})",
        operations.module_given,
        None,
    ),
    (
        r"(?:not enough|too many) values to unpack \(expected (?P<need>\d{1,3})(?:, got (?P<have>\d{1,3}))?\)",
        operations.unpacked,
        None,
    ),
    (
        rf"grid_sampler\(\): expected grid to have size (?P<need>\d) in last dimension, but got grid with sizes (?P<have>{SIZES})",
        saying(
            "grid_sample reads the grid as batch x height x width x {need}, and it is {have}.",
            "grid.permute(0, 2, 3, 1) where the {need} coordinates stand on axis 1",
        ),
        None,
    ),
    (
        r"Input and output sizes should be greater than 0, but got input (?P<have>\([^)\n]{1,40}\)) output (?P<made>\([^)\n]{1,40}\))",
        saying(
            "A resize of {have} to {made}: both need at least one cell a side.",
            "a larger image, or one pooling or stride fewer before it",
        ),
        None,
    ),
    (
        rf"Expected hidden\[\d\] size (?P<need>{SIZES}), got (?P<have>{SIZES})",
        saying(
            "The recurrent layer wants a state of {need} (layers x batch x features), and got {have}.",
            "a state made from the batch that is there: x.size(0) with batch_first=True, else x.size(1)",
        ),
        None,
    ),
    (
        r"embed_dim must be divisible by num_heads",
        saying(
            "The features of attention are shared out among the heads, which do not divide them.",
            "num_heads that divides embed_dim",
        ),
        None,
    ),
    (
        rf"Given weight of size (?P<weight>{SIZES}), expected bias to be 1-dimensional with (?P<need>{NUMBER}) elements, but got bias of size \[(?P<have>{NUMBER})\]",
        saying(
            "The layer makes {need} channels, and its bias has {have} numbers.",
            "a bias of {need} numbers, or weights of another first size",
        ),
        None,
    ),
    (
        rf"Need input\.size\[1\] == (?P<need>{NUMBER}) but got (?P<have>{NUMBER}) instead",
        saying("The layer takes {need} channels, and its input has {have}.", "nn.Conv2d({have}, ...) takes them"),
        None,
    ),
    (
        r"(?P<who>\w{1,40})\(\): Expected (?P<need>\dD or \dD) tensor, but got (?P<have>\[[\d, ]{1,80}\])",
        saying(
            "{who} takes {need} tensors, batch and channels among their axes, and got {have}.",
            "an axis has been taken away before it, as by a Flatten or view",
        ),
        None,
    ),
    (
        r"only one dimension can be inferred",
        saying(
            "A shape with -1 twice: only one size can follow from the others.",
            "x.view(x.size(0), -1) writes the batch and leaves the rest to -1",
        ),
        None,
    ),
    (
        r"expected target dtype to be Long or Byte, but got (?P<have>\w{1,20})|expected scalar type Long but found (?P<other>\w{1,20})",
        saying(
            "No size is at fault: the targets are class numbers and of another type than whole numbers.", "y.long()"
        ),
        clues.compared,
    ),
    (
        r"multi-target not supported at",
        saying(
            "The loss takes one class number for each sample, and the targets have another axis.",
            "y.squeeze(1) of targets N x 1, y.argmax(1) of rows of 0 and 1",
        ),
        clues.compared,
    ),
)

OTHERS = (
    *kinds(
        "numpy",
        (
            rf"operands could not be broadcast together with shapes (?P<a>{SHAPE}) (?P<b>{SHAPE})",
            joins.mismatch_shapes,
            None,
        ),
        (
            rf"could not broadcast input array from shape (?P<have>{SIZES}) into shape (?P<need>{SIZES})",
            saying(
                "An array of {have} is written into one of {need}.",
                "pictures of one kind: the same channels and the same sides for all",
            ),
            None,
        ),
        (rf"Invalid shape (?P<size>{SIZES}) for image data", operations.pictured, None),
    ),
    *kinds(
        "onnx",
        (
            r"Invalid rank for input: (?P<name>[^\n]{1,200}?) Got: (?P<have>\d{1,3}) Expected: (?P<need>\d{1,3})",
            saying(
                "The input '{name}' of the file has {need} axes, and {have} were fed.",
                "x[None] adds a batch of 1, where that is what is missing",
            ),
            None,
        ),
    ),
    *kinds(
        "opencv",
        (
            rf"Number of input channels should be multiple of (?P<need>{NUMBER}) but got (?P<have>{NUMBER})",
            saying(
                "The convolution takes {need} channels, where {have} arrive.",
                "cv2.dnn.blobFromImage of a picture with the channels of the export: cv2.imread(path) gives 3, IMREAD_GRAYSCALE 1",
            ),
            None,
        ),
        (
            r"Inconsistent shape for ConcatLayer",
            saying(
                "Branches are joined whose maps differ in another axis than the one they are joined along.",
                "a blob of a size that the network takes, often a multiple of 32: `convwise sizes MODEL --near SIZE` tells which",
            ),
            None,
        ),
    ),
)

MORE = (*ARRAYS, *OPERATIONS, *OTHERS)
"""In this order a sentence that several patterns fit at one place is the first one's."""
