import tensorflow as tf

images = tf.random.normal(shape=(5, 64, 64, 1))
wide = tf.keras.layers.Conv2D(16, (5, 5), padding="same")(images)
deep = tf.keras.layers.Conv2D(32, (3, 3), padding="same")(wide)
print(images.shape, wide.shape, deep.shape)
