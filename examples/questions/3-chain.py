"""May a layer's output size differ from what the next layer was drawn for?"""

import tensorflow as tf

images = tf.random.normal(shape=(2, 128, 128, 3))
conv5 = tf.keras.layers.Conv2D(filters=8, kernel_size=(3, 3), strides=(4, 4), padding="valid")
conv6 = tf.keras.layers.Conv2D(filters=16, kernel_size=(3, 3), padding="same")
print(conv6(conv5(images)).shape)
