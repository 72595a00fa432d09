import tensorflow as tf

images = tf.random.normal(shape=(3, 28, 28, 3))
first = tf.keras.layers.Conv2D(filters=32, kernel_size=(3, 3), strides=(2, 2), padding="valid")
second = tf.keras.layers.Conv2D(filters=64, kernel_size=(3, 3), padding="same")
between = first(images)
print("in:", images.shape)
print("between:", between.shape)
print("out:", second(between).shape)
