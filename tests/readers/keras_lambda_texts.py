"""Lambdas of Keras texts on a map of 8 x 10 cells and 6 channels, and the shape that Keras 3.15 gives behind the batch (recorded by running it)."""

from __future__ import annotations

BODIES: dict[str, tuple[int, ...]] = {
    "x / 255.": (8, 10, 6),
    "(x - 127.5) / 127.5": (8, 10, 6),
    "tf.image.resize(x, (20, 21))": (20, 21, 6),
    "tf.image.resize(x, size=(20, 21), method=tf.image.ResizeMethod.BILINEAR)": (20, 21, 6),
    "tf.image.resize(x, (x.shape[1] * 2, x.shape[2] * 3))": (16, 30, 6),
    "tf.image.crop_to_bounding_box(x, 1, 2, 5, 6)": (5, 6, 6),
    "tf.image.flip_left_right(x)": (8, 10, 6),
    "tf.image.per_image_standardization(x)": (8, 10, 6),
    "tf.nn.l2_normalize(x, axis=-1)": (8, 10, 6),
    "K.l2_normalize(x, axis=1)": (8, 10, 6),
    "tf.nn.space_to_depth(x, 2)": (4, 5, 24),
    "tf.reduce_mean(x, axis=[1, 2])": (6,),
    "K.mean(x, axis=-1, keepdims=True)": (8, 10, 1),
    "K.max(x, axis=3, keepdims=True)": (8, 10, 1),
    "tf.math.reduce_std(x, axis=[1, 2], keepdims=True)": (1, 1, 6),
    "tf.norm(x, axis=-1)": (8, 10),
    "K.expand_dims(x, axis=-1)": (8, 10, 6, 1),
    "tf.squeeze(x[:, :1], axis=1)": (10, 6),
    "x[:, 0]": (10, 6),
    "x[:, 1:-1, 2:, :]": (6, 8, 6),
    "x[..., :3]": (8, 10, 3),
    "x[..., ::-1]": (8, 10, 6),
    "tf.reverse(x, axis=[-1])": (8, 10, 6),
    "tf.pad(x, [[0, 0], [1, 1], [2, 2], [0, 0]], mode='REFLECT')": (10, 14, 6),
    "K.spatial_2d_padding(x, ((1, 2), (3, 4)))": (11, 17, 6),
    "tf.transpose(x, perm=[0, 2, 1, 3])": (10, 8, 6),
    "K.permute_dimensions(x, (0, 3, 1, 2))": (6, 8, 10),
    "tf.reshape(x, [-1, x.shape[1] * x.shape[2], x.shape[3]])": (80, 6),
    "tf.reshape(x, (tf.shape(x)[0], -1))": (480,),
    "tf.reshape(x, (tf.shape(x)[0], 40, -1))": (40, 12),
    "K.batch_flatten(x)": (480,),
    "K.concatenate([x, x], axis=1)": (16, 10, 6),
    "tf.stack([x, x], axis=1)": (2, 8, 10, 6),
    "K.stack([x, x], axis=-1)": (8, 10, 6, 2),
    "tf.tile(x, [1, 2, 3, 1])": (16, 30, 6),
    "K.repeat_elements(x, 3, axis=3)": (8, 10, 18),
    "tf.repeat(x, 3, axis=2)": (8, 30, 6),
    "K.resize_images(x, 2, 3, 'channels_last')": (16, 30, 6),
    "K.pool2d(x, (2, 3), strides=(2, 2), padding='same', pool_mode='avg')": (4, 5, 6),
    "K.pool2d(x, (2, 3))": (7, 8, 6),
    "K.sigmoid(x) * x": (8, 10, 6),
    "tf.nn.max_pool2d(x, 2, 2, 'SAME')": (4, 5, 6),
    "tf.nn.relu6(x)": (8, 10, 6),
    "tf.argmax(x, axis=-1)": (8, 10),
    "tf.one_hot(tf.argmax(x, axis=-1), 5)": (8, 10, 5),
    "tf.split(x, num_or_size_splits=3, axis=3)[1]": (8, 10, 2),
    "tf.gather(x, [0, 2], axis=-1)": (8, 10, 2),
    "tf.linalg.matmul(x, x, transpose_b=True)": (8, 10, 10),
    "tf.matmul(x, x, transpose_a=True)": (8, 6, 6),
    "x + tf.random.normal(shape=tf.shape(x), stddev=0.1)": (8, 10, 6),
    "x[:, :1] * K.random_normal(shape=(K.shape(x)[0], 8, 10, 1))": (8, 10, 6),
    "tf.multiply(x[:, :1], tf.random.normal((tf.shape(x)[0], 8, 10, 1)))": (8, 10, 6),
    "abs(x)": (8, 10, 6),
    "keras.activations.softmax(x)": (8, 10, 6),
    "ops.mean(x, axis=(1, 2))": (6,),
    "ops.image.resize(x, (4, 5))": (4, 5, 6),
    "ops.moveaxis(x, -1, 1)": (6, 8, 10),
    "ops.swapaxes(x, 1, 2)": (10, 8, 6),
    "ops.repeat(x, 2, axis=1)": (16, 10, 6),
    "ops.take(x, 2, axis=-1)": (8, 10),
    "ops.max_pool(x, 2)": (4, 5, 6),
    "ops.average_pool(x, 3, strides=2, padding='same')": (4, 5, 6),
}

HEAD = """import tensorflow as tf
import keras
from keras import layers, ops
from tensorflow.keras import backend as K
"""


def text(body: str) -> str:
    return (
        f"{HEAD}start = keras.Input((8, 10, 6))\nmodel = keras.Model(start, layers.Lambda(lambda x: {body})(start))\n"
    )
