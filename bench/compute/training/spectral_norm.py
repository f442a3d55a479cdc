"""Spectral normalisation by torch's own module, with a power iteration that also works for several runs at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.nn.utils.parametrize import register_parametrization


class SpectralNorm(_SpectralNorm):
    """Divides a weight by its largest singular value, with one power iteration per pass (Miyato et al. 2018).

    torch writes each iteration into its vectors by ``out=``, which ``torch.func.vmap`` does not support; here it is
    copied there. The numbers are the same.
    """

    @torch.no_grad()
    def _power_method(self, weight_mat: Tensor, n_power_iterations: int) -> None:
        for _ in range(n_power_iterations):
            self._u.copy_(F.normalize(torch.mv(weight_mat, self._v), dim=0, eps=self.eps))
            self._v.copy_(F.normalize(torch.mv(weight_mat.H, self._u), dim=0, eps=self.eps))


def normalise_spectrally(module: nn.Module) -> None:
    """Apply spectral normalisation to the weight of a linear or convolutional layer, like torch's ``spectral_norm``."""
    dim = 1 if isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d) else 0
    assert isinstance(module.weight, Tensor)
    register_parametrization(module, "weight", SpectralNorm(module.weight, 1, dim))
