import tensorflow as tf
from tensorflow import keras

size = (64, 64, 3)
net = keras.Sequential([keras.layers.Conv2D(32, (3, 3), strides=(2, 2), padding="valid", input_shape=size)])
result = net.predict(tf.zeros((1, *size)), verbose=0)
print(f"{size} becomes {result.shape[1:]}")
