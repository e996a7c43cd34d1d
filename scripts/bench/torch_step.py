"""One training step of SPECTA's networks in PyTorch, as a yardstick: prints a line of JSON.

Usage: torch_step.py NETWORK.json BATCH STEPS THREADS
NETWORK.json is what scripts/bench/training-speed.ts writes: input, layers, output units.
"""
import json
import sys
import time

import torch
from torch import nn

from torch_network import built

description = json.load(open(sys.argv[1]))
batch, steps, threads = (int(value) for value in sys.argv[2:5])
torch.set_num_threads(threads)
torch.manual_seed(1)

network = built(description)
sides = description["input"]
images = torch.rand(batch, sides["channels"], sides["height"], sides["width"])
targets = torch.randint(0, 2, (batch, description["output"]["units"])).float()
network(images[:2])  # gives the dense layers their sizes
optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, eps=1e-7)
loss_of = nn.BCEWithLogitsLoss()

seconds = []
cpu = []
for _ in range(steps):
    wall, used = time.perf_counter(), time.process_time()
    optimizer.zero_grad()
    loss_of(network(images), targets).backward()
    optimizer.step()
    seconds.append(time.perf_counter() - wall)
    cpu.append(time.process_time() - used)
print(json.dumps({
    "torch": torch.__version__,
    "parameters": sum(p.numel() for p in network.parameters()),
    "wall": seconds,
    "cpu": cpu,
}))
