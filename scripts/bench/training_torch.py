"""The original's training job in PyTorch, an epoch at a time, as a yardstick for SPECTA's own.

Usage: training_torch.py NETWORK.json PICTURES LABELS BATCH THREADS
NETWORK.json: input, layers, output units. PICTURES: uint8 [count, height, width]. LABELS: float32 [count, units].
Reads lines from standard input; for each trains one epoch and prints a line of JSON.
"""
import json
import os
import sys
import time

import torch
from torch import nn

from torch_network import built

description = json.load(open(sys.argv[1]))
batch, threads = (int(value) for value in sys.argv[4:6])
torch.set_num_threads(threads)
torch.manual_seed(1)

sides = description["input"]
units = description["output"]["units"]
pictures = torch.from_file(sys.argv[2], size=os.path.getsize(sys.argv[2]), dtype=torch.uint8)
pictures = pictures.view(-1, 1, sides["height"], sides["width"])
labels = torch.from_file(sys.argv[3], size=pictures.shape[0] * units, dtype=torch.float32).view(-1, units)
network = built(description)
network(torch.rand(2, sides["channels"], sides["height"], sides["width"]))  # gives the dense layers their sizes
optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, eps=1e-7)
loss_of = nn.BCEWithLogitsLoss()
print(json.dumps({"torch": torch.__version__, "parameters": sum(p.numel() for p in network.parameters())}), flush=True)

for _ in sys.stdin:
    wall, used = time.perf_counter(), time.process_time()
    total = 0.0
    for chosen in torch.randperm(pictures.shape[0]).split(batch):
        taken = pictures[chosen].float()
        # Each picture to mean 0 and deviation 1, as SPECTA does.
        taken -= taken.mean(dim=(1, 2, 3), keepdim=True)
        taken /= taken.std(dim=(1, 2, 3), keepdim=True).clamp(min=1)
        optimizer.zero_grad()
        loss = loss_of(network(taken), labels[chosen])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(chosen)
    print(json.dumps({
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - used,
        "loss": total / pictures.shape[0],
    }), flush=True)
