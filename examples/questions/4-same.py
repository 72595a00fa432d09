"""Why does padding='same' still make the output smaller?"""

import tensorflow as tf
from tensorflow import keras

model = keras.Sequential([keras.layers.Conv2D(32, 3, strides=2, padding="same", input_shape=(65, 65, 3))])
print(model(tf.random.normal((1, 65, 65, 3))).shape)
