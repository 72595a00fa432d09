import tensorflow as tf

layer = tf.keras.layers.Conv2D(filters=32, kernel_size=3, padding="valid", activation="relu")
for size in (8, 10, 5):
    print(f"{size}: {layer(tf.random.normal(shape=(1, size, size, 3))).shape}")
fresh = tf.keras.layers.Conv2D(filters=32, kernel_size=3, padding="valid", activation="relu")
try:
    fresh(tf.random.normal(shape=(1, 2, 2, 3)))
except ValueError as error:
    print("refused:", "Computed output size would be zero or negative" in str(error))
