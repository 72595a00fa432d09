import torch
import torch.nn as nn

with torch.no_grad():
    images = torch.randn(1, 3, 28, 28)
    layer = nn.Conv2d(3, 16, kernel_size=3, stride=2, padding=1)
    features = layer(images)
print(features.shape, features.size(2), tuple(layer.weight.shape))
