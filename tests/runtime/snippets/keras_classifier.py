import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(7)
model = keras.Sequential(
    [
        keras.Input(shape=(28, 28, 1)),
        layers.Conv2D(8, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.BatchNormalization(),
        layers.Conv2D(16, (3, 3), padding="same", use_bias=False),
        layers.LeakyReLU(negative_slope=0.2),
        layers.GlobalAveragePooling2D(),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(optimizer="adam", loss="categorical_crossentropy")
model.summary()
scores = model.predict(np.zeros((3, 28, 28, 1)), verbose=0)
print(scores.shape, np.allclose(scores.sum(axis=1), 1))
print([tuple(weight.shape) for weight in model.get_weights()], model.count_params())
