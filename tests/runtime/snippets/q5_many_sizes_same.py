import tensorflow as tf

layer = tf.keras.layers.Conv2D(filters=32, kernel_size=3, padding="same", activation="relu")
for size in (8, 10, 5):
    print(f"{size}: {layer(tf.random.normal(shape=(1, size, size, 3))).shape}")
