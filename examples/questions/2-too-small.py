"""Why is the output 13 x 13 and not 14 x 14?"""

import torch
from torch import nn

images = torch.randn(1, 3, 28, 28)
downsample = nn.Conv2d(3, 16, 3, stride=2, padding=0)
print(downsample(images).shape)
