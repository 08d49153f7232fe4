"""What MobileStyleGAN and StyleGAN2 share: checks, mapping, and when a gradient graph is built."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import nn

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.networks.mapping import MappingNetwork
from stylefaceuv.networks.ops import check_codes


class StyleGenerator(nn.Module, ABC):
    """Latent codes to stylecodes to images; the noise is fixed, so equal stylecodes give equal images.

    Attributes:
        style_dim: length of z and of w.
        num_ws: rows of an extended stylecode, one for each layer of a StyleGAN2 of this size.
        resolution: side of the image in pixels.
        feature_resolutions: what :meth:`synthesis_features` accepts.
        mapping_network: z to w, unchecked.
        mean_stylecode: (style_dim,) buffer, mean of mapped latent codes, the centre of truncation.
    """

    mean_stylecode: torch.Tensor

    def __init__(
        self, style_dim: int, mapping_layers: int, feature_resolutions: tuple[int, ...], resolution: int
    ) -> None:
        """Make the mapping network and the mean.

        Args:
            style_dim: length of z and of w.
            mapping_layers: number of linear layers of the mapping network.
            feature_resolutions: sides of the feature maps, in pixels, ascending.
            resolution: side of the image in pixels, a power of two.
        """
        super().__init__()
        self.style_dim = style_dim
        self.num_ws = 2 * resolution.bit_length() - 4
        self.resolution = resolution
        self.feature_resolutions = feature_resolutions
        self.mapping_network = MappingNetwork(style_dim, mapping_layers)
        self.register_buffer("mean_stylecode", torch.zeros(style_dim))

    def mapping(self, z: torch.Tensor) -> torch.Tensor:
        """Map latent codes to stylecodes.

        Args:
            z: (N, style_dim) float, about standard normal.

        Returns:
            (N, style_dim) stylecodes W, not truncated.

        Raises:
            InvalidArgumentError: wrong shape or dtype, NaN or Inf.
        """
        check_codes(z, "z", self.style_dim)
        mapped: torch.Tensor = self.mapping_network(z.to(self.mean_stylecode.dtype))
        return mapped

    def synthesis(self, w: torch.Tensor) -> torch.Tensor:
        """Make images; differentiable in ``w`` and in the parameters.

        Args:
            w: (N, style_dim) stylecodes or (N, num_ws, style_dim) extended ones.

        Returns:
            (N, 3, resolution, resolution) sRGB images, about in [-1, 1], not clamped.

        Raises:
            InvalidArgumentError: wrong shape or dtype, NaN or Inf.
        """
        ws = self._extended(w)
        with torch.set_grad_enabled(self._needs_graph(ws)):
            return self._image(ws)

    def synthesis_features(self, w: torch.Tensor, resolution: int) -> torch.Tensor:
        """The activations after the last convolution at a resolution, to be reused as a trunk.

        Args:
            w: as for :meth:`synthesis`.
            resolution: one of ``feature_resolutions``, in pixels.

        Returns:
            (N, C, resolution, resolution), channels-last in memory.

        Raises:
            InvalidArgumentError: as for :meth:`synthesis`, or there is no such resolution.
        """
        index, ws = self._index_of(resolution), self._extended(w)
        with torch.set_grad_enabled(self._needs_graph(ws)):
            return self._features(ws, index)

    def synthesis_with_features(self, w: torch.Tensor, resolution: int) -> tuple[torch.Tensor, torch.Tensor]:
        """:meth:`synthesis` and :meth:`synthesis_features` at once.

        MobileStyleGAN on a CPU without gradients runs the layers that both need once; others run them twice.

        Args:
            w: as for :meth:`synthesis`.
            resolution: as for :meth:`synthesis_features`.

        Returns:
            Images and activations, as there.

        Raises:
            InvalidArgumentError: as there.
        """
        index, ws = self._index_of(resolution), self._extended(w)
        with torch.set_grad_enabled(self._needs_graph(ws)):
            return self._image_with_features(ws, index)

    def forward(self, w: torch.Tensor) -> torch.Tensor:
        """Same as :meth:`synthesis`."""
        return self.synthesis(w)

    def _index_of(self, resolution: int) -> int:
        if resolution not in self.feature_resolutions:
            raise InvalidArgumentError("resolution", f"one of {list(self.feature_resolutions)}", resolution)
        return self.feature_resolutions.index(resolution)

    def _image_with_features(self, ws: torch.Tensor, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Both of the following."""
        return self._image(ws), self._features(ws, index)

    @abstractmethod
    def _image(self, ws: torch.Tensor) -> torch.Tensor:
        """Images of checked (N, num_ws, style_dim) stylecodes."""

    @abstractmethod
    def _features(self, ws: torch.Tensor, index: int) -> torch.Tensor:
        """Features at ``feature_resolutions[index]``."""

    def _extended(self, w: torch.Tensor) -> torch.Tensor:
        check_codes(w, "w", self.style_dim, self.num_ws)
        w = w.to(self.mean_stylecode.dtype)
        return w if w.ndim == 3 else w[:, None].expand(-1, self.num_ws, -1)

    def _needs_graph(self, ws: torch.Tensor) -> bool:
        return torch.is_grad_enabled() and (ws.requires_grad or any(p.requires_grad for p in self.parameters()))
