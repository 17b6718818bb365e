"""Weights to start from with which the data still reach the last layer.

PyTorch's own start makes each convolution's output smaller than its input, and the published
networks rely on hundreds of thousands of steps to make up for that: through EDVR's alignment and a
tail of three stages, a change of 1 in the input was below 0.0001 at the last layer.
"""

from torch import nn

from engine.superresolution.networks.deformable import DeformableConv
from engine.superresolution.networks.layers import SLOPE, ResidualBlock
from engine.superresolution.networks.spynet import SPyNet


def keep_signal(network: nn.Module) -> None:
    """Draw convolutions anew so that each keeps the size of its input, as leaky rectifiers want.

    Source: He et al. 2015, doi:10.1109/ICCV.2015.123. Left as they are: residual blocks, which
    start near the identity, flow networks, which start at no flow, and convolutions of zeros.
    """
    own = {
        part
        for block in network.modules()
        if isinstance(block, ResidualBlock | SPyNet)
        for part in block.modules()
    }
    for part in network.modules():
        if part in own or not isinstance(part, nn.Conv2d | nn.Conv3d | DeformableConv):
            continue
        if bool((part.weight == 0).all()):
            continue
        nn.init.kaiming_normal_(part.weight, SLOPE)
        if part.bias is not None:
            nn.init.zeros_(part.bias)
