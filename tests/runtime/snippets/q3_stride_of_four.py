import tensorflow as tf

images = tf.random.normal(shape=(2, 128, 128, 3))
coarse = tf.keras.layers.Conv2D(filters=8, kernel_size=(3, 3), strides=(4, 4), padding="valid")
fine = tf.keras.layers.Conv2D(filters=16, kernel_size=(3, 3), padding="same")
print(fine(coarse(images)).shape)
print(coarse.count_params(), fine.count_params())
