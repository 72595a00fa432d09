import keras
import numpy as np
from keras import layers

start = keras.Input(shape=(32, 24, 3), name="picture")
x = layers.ZeroPadding2D(1)(start)
x = layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2)(x)
x = layers.SeparableConv2D(5, 3, padding="same")(x)
x = layers.UpSampling2D((2, 3))(x)
x = layers.Conv2DTranspose(4, 3, strides=2, padding="same")(x)
x = layers.Cropping2D(((1, 0), (2, 3)))(x)
x = layers.Flatten()(x)
model = keras.Model(start, layers.Dense(2)(x), name="encoder")
model.summary()
print(model.predict(np.zeros((2, 32, 24, 3)), verbose=0).shape, [layer.name for layer in model.layers])
