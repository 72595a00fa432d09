import torch
import torch.nn as nn

images = torch.randn(1, 3, 28, 28)
layer = nn.Conv2d(in_channels=3, out_channels=16, kernel_size=3, stride=2, padding=0)
print(layer(images).shape)
print(layer)
