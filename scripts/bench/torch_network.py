"""SPECTA's description of a network as PyTorch layers."""
from torch import nn


def built(description):
    """The network; dense layers take their sizes from the first picture."""
    channels = description["input"]["channels"]
    layers = []
    for layer in description["layers"]:
        kind = layer["kind"]
        bias = layer.get("bias", True)
        if kind == "conv":
            sizes = (layer["filters"], layer["kernel"], layer["stride"], layer["padding"])
            layers.append(nn.Conv2d(channels, *sizes, bias=bias))
            channels = layer["filters"]
        elif kind == "depthwise":
            sizes = (channels, layer["kernel"], layer["stride"], layer["padding"])
            layers.append(nn.Conv2d(channels, *sizes, groups=channels, bias=bias))
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
        else:
            raise ValueError(f"no layer of PyTorch for {kind}")
    return nn.Sequential(*layers)
