import tensorflow as tf
from tensorflow import keras

net = keras.Sequential()
net.add(keras.layers.Conv2D(32, (7, 7), padding="valid", input_shape=(64, 64, 3)))
print(net.predict(tf.ones((2, 64, 64, 3)), verbose=0).shape)
