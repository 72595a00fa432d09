import tensorflow as tf
from tensorflow import keras

net = keras.Sequential(
    [keras.layers.Conv2D(filters=32, kernel_size=(3, 3), strides=(2, 2), padding="same", input_shape=(65, 65, 3))]
)
features = net(tf.random.normal((1, 65, 65, 3)))
print(features.shape, features.numpy().dtype)
