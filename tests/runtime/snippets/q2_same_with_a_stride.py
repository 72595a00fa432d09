import torch
import torch.nn as nn

images = torch.randn(1, 3, 28, 28)
try:
    layer = nn.Conv2d(in_channels=3, out_channels=16, kernel_size=3, stride=2, padding="same")
    print(layer(images).shape)
except ValueError as error:
    print("refused:", "padding='same' is not supported for strided convolutions" in str(error))
