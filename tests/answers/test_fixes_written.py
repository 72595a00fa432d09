"""The code of a fix is what the user wrote but for what it changes: every other argument stands in it in his own words."""

from __future__ import annotations

import ast
import json

import pytest

import convwise as cw
from convwise.ask import ask

ARGUMENTS = {
    "Conv2D(8, 3, strides={}, {})": [
        *("activation=relu", "activation=tf.nn.relu", "activation=keras.layers.LeakyReLU(0.25)", "name='stem'"),
        "kernel_regularizer=regularizers.l2(0.01)",
        "kernel_initializer=keras.initializers.RandomNormal(mean=0.0, stddev=0.0001, seed=1234567)",
        "kernel_initializer='he_normal', bias_constraint=my.constraints[0]",
    ],
    "nn.Conv2d(3, 8, 3, stride={}, {})": ["dtype=torch.float32", "device=torch.device('cpu'), dtype=torch.float64"],
    "nn.LPPool2d(float('inf'), 3, {}, {})": ["ceil_mode=True"],
    "nnx.Conv(3, 8, (3, 3), strides={}, padding='VALID', {})": ["rngs=rngs", "dtype=jnp.bfloat16, rngs=nnx.Rngs(0)"],
    "tf.nn.conv2d(x, tf.zeros((3, 3, 3, 8)), {}, 'VALID', {})": ["name='stem'"],
    "op.Conv(x, np.zeros((8, 3, 3, 3)), strides=[{}, 1], {})": ["kernel_shape=[3, 3]"],
}
"""Calls with a stride to fill in, and what else is said in them."""


def answers(text: str) -> cw.Explanation:
    shape = (1, 3, 9, 10) if "op." in text else (3, 9, 10) if "nn." in text[:3] else (9, 10, 3)
    try:
        return cw.explain(text, shape)
    except cw.Refusal as refusal:
        told = refusal.explanation
    assert told is not None
    return told


def words(text: str) -> dict[str, str]:
    node = ast.parse(text, mode="eval").body
    assert isinstance(node, ast.Call)
    return {keyword.arg or "": ast.unparse(keyword.value) for keyword in node.keywords}


@pytest.mark.parametrize("stride", [0, 2])
@pytest.mark.parametrize(("form", "more"), [(form, more) for form, every in ARGUMENTS.items() for more in every])
def test_what_a_fix_does_not_change_stays_in_the_users_words(form: str, more: str, stride: int) -> None:
    told = answers(form.format(stride, more))
    repaired = [fix for fix in told.fixes if not fix.label.startswith("without")]
    assert repaired or "LPPool" in form or ("op." in form and stride)
    for fix in repaired:
        said = ast.unparse(ast.parse(fix.code))
        for name, value in words(f"f({more})").items():
            assert f"{name}={value}" in said
        if "LPPool" in form:
            assert fix.code.startswith("nn.LPPool2d(float('inf'), 3")
    entries = told.to_dict()["fixes"]
    assert [entry["code"] for entry in entries] == [fix.code for fix in told.fixes]


def test_no_face_shows_a_value_of_ours() -> None:
    text = "Conv2D(8, 3, strides=0, activation=relu, kernel_regularizer=regularizers.l2(0.01))"
    reply = ask({"command": "why", "code": text, "inputs": ["9x10x3"]})
    shown = json.dumps(reply) + answers(text)._repr_html_()
    assert "Unknown(" not in shown
    assert "activation=relu, kernel_regularizer=regularizers.l2(0.01)" in shown


def test_names_in_a_text_become_their_values_and_words_stay() -> None:
    text = "k, s = 3, 2\nlayer = nn.Conv2d(3, 8, k, stride=s, dtype=torch.float32)"
    assert cw.explain(text, (3, 9, 10)).fixes[0].code == "nn.Conv2d(3, 8, 3, stride=2, dtype=torch.float32, padding=1)"
    pad = "v = float('-inf')\nnn.Sequential(nn.ConstantPad2d(1, v), nn.MaxPool2d(2))"
    assert cw.explain(pad, (3, 9, 10)).parts[0].code == "nn.ConstantPad2d(1, float('-inf'))"
