"""A PyTorch training loop: tensors in memory, an order a permutation, fused optimizers.

Tried and slower or no faster: a `DataLoader`, `torch.compile`, and one thread instead of two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from benchmarks.peers import Training, timed

if TYPE_CHECKING:
    from benchmarks.images import Array, Images
    from benchmarks.workloads import Workload


def loop(workload: Workload, train: Images, seed: int) -> Training:
    """Loss and hits are summed as tensors, so that no step waits for them."""
    torch.manual_seed(seed)
    model = _network(workload)
    optimizer = _optimizer(workload, model)
    cross_entropy = nn.CrossEntropyLoss()
    features = torch.from_numpy(train.pixels)
    labels = torch.from_numpy(train.labels).long()

    def epoch() -> tuple[float, float]:
        loss_sum, hits = torch.zeros(()), torch.zeros((), dtype=torch.long)
        for rows in torch.randperm(len(labels)).split(workload.batch_size):
            wanted = labels[rows]
            outputs = model(features[rows])
            loss = cross_entropy(outputs, wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                loss_sum += loss * len(rows)
                hits += (outputs.argmax(1) == wanted).sum()
        return float(loss_sum) / len(labels), float(hits) / len(labels)

    def predicted(pixels: Array) -> Array:
        with torch.no_grad():
            classes: Array = model(torch.from_numpy(pixels)).argmax(1).numpy()
        return classes

    return Training(timed(epoch), predicted)


def _network(workload: Workload) -> nn.Sequential:
    layers = [layer for kernel in workload.kernels for layer in (nn.Linear(*kernel), nn.ReLU())]
    model = nn.Sequential(*layers[:-1])
    for name, parameter in model.named_parameters():
        if name.endswith("weight"):
            nn.init.xavier_uniform_(parameter)
        else:
            nn.init.zeros_(parameter)
    return model


def _optimizer(workload: Workload, model: nn.Module) -> Any:
    rate = workload.learning_rate
    if workload.optimizer == "sgd":
        return torch.optim.SGD(model.parameters(), rate, fused=True)
    if workload.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), rate, eps=1e-7, fused=True)
    return torch.optim.RMSprop(model.parameters(), rate, alpha=0.9, eps=1e-7, foreach=True)
