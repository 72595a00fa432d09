import tensorflow as tf
from tensorflow import keras

net = keras.Sequential(
    [keras.layers.Conv2D(filters=32, kernel_size=(3, 3), strides=(1, 1), padding="same", input_shape=(64, 64, 3))]
)
print(net(tf.random.normal((1, 64, 64, 3))).shape)
