"""The public conformance cases of ONNX for the operators that are ours: shapes by the dialect, values by the reference engine.

They come with the onnx package: the node cases that it generates, and those converted from PyTorch. What is left out is
listed with its reason, and a case that is neither passed nor listed fails.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from convwise import dialects
from convwise.dialects.base import Array, Call
from convwise.engine.running import run
from convwise.errors import ArgumentError
from convwise.ops import Conv, ConvTranspose, Dense, Norm, Resize

pytestmark = pytest.mark.oracle

OURS = frozenset({"Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool", "Pad", "Resize"})
"""The operators whose cases must all pass or be listed."""

ALSO = frozenset({"GlobalAveragePool", "GlobalMaxPool", "Gemm", "BatchNormalization", "Flatten", "Relu", "Transpose"})
"""Operators that may stand beside them in one case."""

LEFT_OUT = {
    "MaxPool that gives the places of the maxima as well": ("test_maxpool_with_argmax_2d_precomputed_",),
    "numbers that are no floating-point ones": (
        "test_maxpool_2d_uint8",
        "test_edge_pad",
        "test_reflect_pad",
        "test_wrap_pad",
    ),
    "axes counted from the end": ("test_constant_pad_negative_axes",),
    "Resize with antialias": (
        "test_resize_downsample_scales_cubic_antialias",
        "test_resize_downsample_scales_linear_antialias",
        "test_resize_downsample_sizes_cubic_antialias",
        "test_resize_downsample_sizes_linear_antialias",
    ),
    "Resize of some axes by a policy or a region": (
        "test_resize_downsample_sizes_nearest_not_",
        "test_resize_upsample_sizes_nearest_not_",
        "test_resize_tf_crop_and_resize",
        "test_resize_upsample_scales_nearest_axes_",
        "test_resize_upsample_sizes_nearest_axes_",
    ),
}
"""Reason -> how the names of such cases begin."""

SHAPES_ALONE = {
    "another rule of coordinates or rounding than the op's: the sizes agree, the values are not asked for": (
        "test_resize_downsample_scales_cubic",
        "test_resize_upsample_scales_cubic",
        "test_resize_downsample_sizes_cubic",
        "test_resize_upsample_sizes_cubic",
        "test_resize_downsample_scales_linear_half_pixel_symmetric",
        "test_resize_downsample_scales_linear_align_corners",
        "test_resize_upsample_scales_linear_half_pixel_symmetric",
        "test_resize_downsample_sizes_linear_pytorch_half_pixel",
        "test_resize_downsample_scales_nearest",
        "test_resize_downsample_sizes_nearest",
        "test_resize_upsample_sizes_nearest",
    )
}
"""Reason -> cases whose shape alone is compared."""


class Skipped(Exception):
    """Why a case is left out."""


def collected() -> dict[str, Any]:
    """Name -> (model, inputs and outputs)."""
    from onnx.backend.test.case.node import collect_testcases
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = {case.name: (case.model, case.data_sets) for case in collect_testcases(None)}
    for kind in ("pytorch-converted", "pytorch-operator"):
        for case in load_model_tests(kind=kind):
            folder = Path(case.model_dir)
            model = onnx.load(str(folder / "model.onnx"))
            sets = [_data(one) for one in sorted(folder.glob("test_data_set_*"))]
            found[f"{kind}: {case.name}"] = (model, sets)
    operators = {name: {node.op_type for node in model.graph.node} for name, (model, _) in found.items()}
    return {name: case for name, case in found.items() if operators[name] & OURS and operators[name] <= OURS | ALSO}


def _data(folder: Path) -> tuple[list[Any], list[Any]]:
    def arrays(kind: str) -> list[Any]:
        files = sorted(folder.glob(f"{kind}_*.pb"), key=lambda path: int(path.stem.rpartition("_")[2]))
        return [numpy_helper.to_array(onnx.load_tensor(str(path))) for path in files]

    return arrays("input"), arrays("output")


def attribute(value: Any) -> Any:
    found = onnx.helper.get_attribute_value(value)
    if isinstance(found, bytes):
        return found.decode()
    return (
        tuple(found) if isinstance(found, list) or (hasattr(found, "__len__") and not isinstance(found, str)) else found
    )


def answer(node: Any, values: dict[str, Any], opset: int) -> Any:
    """What our dialect and the reference make of one node."""
    if len(node.output) > 1 and node.op_type == "MaxPool":
        raise Skipped("gives the places of the maxima as well")
    words = {one.name: attribute(one) for one in node.attribute}
    inputs = [values[name] if name else None for name in node.input]
    data, *rest = inputs
    if data.dtype not in (np.float32, np.float64):
        raise Skipped("is computed on integers, which the dialect's models do not hold")
    if node.op_type in ("Pad", "Resize"):
        args = tuple(None if one is None else _numbers(one) for one in rest)
        if node.op_type == "Resize" and args and args[0] == ():
            args = (None, *args[1:])
        if node.op_type == "Pad" and "value" in words:
            words["constant_value"] = words.pop("value")
    else:
        args = tuple(None if one is None else Array(one.shape, "w") for one in rest)
    spoken = dialects.get("onnx")
    layer = spoken.read(Call(node.op_type, args, tuple(words.items())), str(min(max(opset, 7), 26)))
    flow = spoken.flow(layer, data.shape)
    result = data
    for op in flow.layer.ops:
        try:
            result = run(op, result, _weights(op, rest, words), method="reference")
        except ArgumentError:
            assert isinstance(op, Resize), op
            result = np.full(flow.output, np.nan, data.dtype)  # cubic is not run: the shape alone is compared
    assert tuple(flow.output) == result.shape
    return result


def _numbers(array: Any) -> Any:
    items = array.tolist()
    return tuple(items) if isinstance(items, list) else items


def _weights(op: Any, rest: list[Any], words: dict[str, Any]) -> dict[str, Any]:
    if isinstance(op, Conv | ConvTranspose):
        return {"weight": rest[0], **({"bias": rest[1]} if op.bias else {})}
    if isinstance(op, Dense):
        weight = rest[0] if words.get("transB") else rest[0].T
        return {"weight": weight, **({"bias": np.broadcast_to(rest[1], (op.out_features,))} if op.bias else {})}
    if isinstance(op, Norm):
        return dict(zip(("scale", "shift", "mean", "variance"), rest, strict=False))
    return {}


def outcome(model: Any, sets: list[Any]) -> str:
    """Empty where everything agrees; else what differs.

    Raises:
        Skipped: where the case asks for what is not modelled.
    """
    (opset,) = [one.version for one in model.opset_import if one.domain in ("", "ai.onnx")]
    for inputs, outputs in sets:
        names = [one.name for one in model.graph.input]
        values = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
        free = [name for name in names if name not in values] if len(inputs) < len(names) else names
        values |= dict(zip(free, map(np.asarray, inputs), strict=False))
        for node in model.graph.node:
            try:
                values[node.output[0]] = answer(node, values, opset)
            except (dialects.base.CodeError, dialects.base.ShapeError) as error:
                raise Skipped(f"{error.code} {error.fact}") from None
        for name, wanted in zip([one.name for one in model.graph.output], outputs, strict=False):
            ours = values[name]
            if ours.shape != wanted.shape:
                return f"shape {ours.shape} is not {wanted.shape}"
            if not np.allclose(ours, wanted, rtol=1e-3, atol=1e-5, equal_nan=True):
                return f"values differ: {ours.ravel()[:4]} is not {wanted.ravel()[:4]}"
    return ""


def listed(name: str, table: dict[str, tuple[str, ...]]) -> str:
    """The reason for which a case stands in the table; empty where it does not."""
    return next((reason for reason, names in table.items() if name.startswith(names)), "")


@pytest.fixture(scope="module")
def cases() -> dict[str, Any]:
    return collected()


def outcomes(cases: dict[str, Any]) -> dict[str, str]:
    found = {}
    for name, (model, sets) in sorted(cases.items()):
        try:
            found[name] = outcome(model, sets) or "passed"
        except Skipped as reason:
            found[name] = f"left out: {reason}"
    return found


def test_every_case_passes_or_is_listed_with_its_reason(cases: dict[str, Any]) -> None:
    found = outcomes(cases)
    assert len(found) >= 158
    wrong = {}
    for name, said in found.items():
        left, shape = listed(name, LEFT_OUT), listed(name, SHAPES_ALONE)
        excused = (left and said.startswith("left out")) or (shape and said.startswith("values differ"))
        if said != "passed" and not excused:
            wrong[name] = said
    assert not wrong, wrong
    passed = [name for name, said in found.items() if said == "passed"]
    assert len(passed) >= 112
    for operator in ("conv_", "convtranspose_", "maxpool_", "averagepool_", "lppool_", "pad", "resize_"):
        assert any(operator in name for name in passed), operator


def test_nothing_is_listed_that_passes(cases: dict[str, Any]) -> None:
    found = outcomes(cases)
    for table in (LEFT_OUT, SHAPES_ALONE):
        for names in table.values():
            for start in names:
                assert any(said != "passed" for name, said in found.items() if name.startswith(start)), start


def test_a_wrong_value_would_be_seen(cases: dict[str, Any]) -> None:
    model, ((inputs, outputs), *_) = cases["test_basic_conv_with_padding"]
    assert outcome(model, [(inputs, outputs)]) == ""
    assert outcome(model, [(inputs, [outputs[0] + 1])]).startswith("values differ")
