import tensorflow as tf

layer = tf.keras.layers.Conv2D(filters=32, kernel_size=3, strides=2, padding="valid", activation="relu")
shapes = [layer(tf.random.normal(shape=(1, size, size, 3))).shape for size in (10, 11, 12)]
print(shapes[0], shapes[1], shapes[2])
