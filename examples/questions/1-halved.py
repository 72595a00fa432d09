"""Why does a convolution halve the image although there is no pooling layer?"""

from keras import Sequential, layers

model = Sequential(
    [
        layers.Conv2D(32, (3, 3), strides=(2, 2), padding="valid", input_shape=(64, 64, 3)),
    ]
)
