"""What does one layer do with inputs of other sizes than it was tried on?"""

import tensorflow as tf

layer = tf.keras.layers.Conv2D(filters=32, kernel_size=3, padding="valid", activation="relu")
for side in (8, 10, 5):
    print(layer(tf.random.normal((1, side, side, 3))).shape)
