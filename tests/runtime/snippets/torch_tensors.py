import torch

x = torch.arange(24).reshape(2, 3, 4).float()
print(x)
print(x.shape, x.size(), x.size(1), x.numel(), x.dim(), len(x))
print(x.mean(), x.sum(dim=(1, 2)), x.max(dim=2).values, x.std())
print(x.permute(2, 0, 1).shape, x.transpose(1, 2).shape, x.unsqueeze(0).shape, x.view(-1, 4).shape, x.flatten(1).shape)
print(torch.tensor([1, 2, 3]), torch.tensor([0.5, 1e-5, 123.25]), torch.tensor([True, False]), torch.tensor(2.5))
print(torch.zeros(2, 3).shape[:1], torch.cat([x, x], dim=1).shape, torch.stack([x, x]).size())
print(torch.ones(3, dtype=torch.float64), torch.eye(2) * 2, torch.ones(2) / 3)
print(x[0, 1], x[..., 0].shape, (x > 20).sum(), x.repeat(1, 2, 1).shape, (torch.tensor([1, 2]) / 2))
