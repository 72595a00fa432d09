import tensorflow as tf
from tensorflow import keras

net = keras.Sequential([keras.layers.Conv2D(filters=32, kernel_size=(3, 3), padding="same", input_shape=(65, 65, 3))])
print(net(tf.random.normal((1, 65, 65, 3))).shape)
