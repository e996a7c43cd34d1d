"""One training step of SPECTA's networks in PyTorch, as a yardstick: prints a line of JSON.

Usage: torch_step.py NETWORK.json BATCH STEPS THREADS
NETWORK.json is what scripts/bench/training-speed.ts writes: input, layers, output units.
"""
import json
import sys
import time

import torch
from torch import nn

description = json.load(open(sys.argv[1]))
batch, steps, threads = (int(value) for value in sys.argv[2:5])
torch.set_num_threads(threads)
torch.manual_seed(1)

channels = description["input"]["channels"]
layers = []
length = None
for layer in description["layers"]:
    kind = layer["kind"]
    bias = layer.get("bias", True)
    if kind == "conv":
        layers.append(nn.Conv2d(channels, layer["filters"], layer["kernel"], layer["stride"], layer["padding"], bias=bias))
        channels = layer["filters"]
    elif kind == "depthwise":
        layers.append(nn.Conv2d(channels, channels, layer["kernel"], layer["stride"], layer["padding"], groups=channels, bias=bias))
    elif kind == "batchNorm":
        layers.append(nn.BatchNorm2d(channels, eps=1e-3))
    elif kind == "relu":
        layers.append(nn.ReLU(inplace=True))
    elif kind == "maxPool":
        layers.append(nn.MaxPool2d(layer["size"], layer["stride"]))
    elif kind == "averagePool":
        layers.append(nn.AvgPool2d(layer["size"], layer["stride"]))
    elif kind == "globalPool":
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    elif kind == "dropout":
        layers.append(nn.Dropout(layer["rate"]))
    elif kind == "flatten":
        layers.append(nn.Flatten())
    elif kind == "dense":
        layers.append(nn.LazyLinear(layer["units"], bias=bias))
network = nn.Sequential(*layers)
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
