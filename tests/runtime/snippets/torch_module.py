from collections import OrderedDict

import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.bn = nn.BatchNorm2d(6)
        self.pool = nn.MaxPool2d(2, 2)
        self.body = nn.Sequential(
            OrderedDict([("conv", nn.Conv2d(6, 16, 5, bias=False)), ("act", nn.ReLU(inplace=True))])
        )
        self.fc1 = nn.Linear(16 * 5 * 5, 84)
        self.drop = nn.Dropout(0.3)
        self.heads = nn.ModuleList([nn.Linear(84, 10), nn.Linear(84, 10), nn.Linear(84, 2)])

    def forward(self, x):
        x = self.pool(F.relu(self.bn(self.conv1(x))))
        x = F.max_pool2d(self.body(x), 2)
        x = x.view(x.size(0), -1)
        x = self.drop(F.relu(self.fc1(x)))
        return [F.log_softmax(head(x), dim=1) for head in self.heads]


net = Net().eval()
print(net)
with torch.no_grad():
    outputs = net(torch.randn(4, 1, 32, 32))
print([output.shape for output in outputs])
print(sum(p.numel() for p in net.parameters()), list(net.state_dict()))
print(
    outputs[0].argmax(dim=1).shape,
    torch.flatten(torch.ones(2, 3, 4), 1).shape,
    torch.allclose(outputs[2].exp().sum(dim=1), torch.ones(4)),
)
