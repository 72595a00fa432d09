import tensorflow as tf
from tensorflow import keras

net = keras.Sequential([keras.layers.Conv2D(32, (3, 3), strides=(1, 1), padding="same", input_shape=(64, 64, 3))])
print(net.predict(tf.zeros((1, 64, 64, 3)), verbose=0).shape)
print(net.input_shape, net.output_shape)
