"""What every linear head has: a mean and two bases. MakeHuman's and Basel's models add their topology."""

from __future__ import annotations

import torch
from torch import nn

from stylefaceuv.errors import InvalidArgumentError

IDENTITY_SIZE = 80
EXPRESSION_SIZE = 64


class LinearFaceModel(nn.Module):
    """A head that is linear in identity and expression.

    Attributes:
        mean: (V0, 3) float32 buffer, decimetres, model frame.
        identity_basis: (80, V0, 3) float32 buffer, decimetres for one unit of variance.
        expression_basis: (64, V0, 3) float32 buffer, decimetres for weight 1.
        expression_names: the 64 names, in order.
    """

    mean: torch.Tensor
    identity_basis: torch.Tensor
    expression_basis: torch.Tensor

    def __init__(
        self,
        mean: torch.Tensor,
        identity_basis: torch.Tensor,
        expression_basis: torch.Tensor,
        expression_names: tuple[str, ...],
    ) -> None:
        """Store the model as float32 buffers.

        Args:
            mean: (V0, 3) decimetres.
            identity_basis: (80, V0, 3) decimetres.
            expression_basis: (64, V0, 3) decimetres.
            expression_names: 64 names.

        Raises:
            InvalidArgumentError: a shape differs from these.
        """
        super().__init__()
        rows = tuple(mean.shape)
        for name, value, expected in (
            ("mean", mean, (rows[0] if rows else 0, 3)),
            ("identity_basis", identity_basis, (IDENTITY_SIZE, *rows)),
            ("expression_basis", expression_basis, (EXPRESSION_SIZE, *rows)),
        ):
            if tuple(value.shape) != expected:
                raise InvalidArgumentError(name, f"shape {expected}", tuple(value.shape))
        if len(expression_names) != EXPRESSION_SIZE:
            raise InvalidArgumentError("expression_names", f"{EXPRESSION_SIZE} names", len(expression_names))
        self.register_buffer("mean", mean.float().clone())
        self.register_buffer("identity_basis", identity_basis.float().clone())
        self.register_buffer("expression_basis", expression_basis.float().clone())
        self.expression_names = tuple(expression_names)

    def forward(self, identity: torch.Tensor, expression: torch.Tensor) -> torch.Tensor:
        """Return heads in the model frame, unposed.

        Args:
            identity: (N, 80) unit-variance coordinates.
            expression: (N, 64) weights, in the order of ``expression_names``; 0 is neutral, 1 is full.

        Returns:
            (N, V0, 3) decimetres, one row per vertex that is not split at seams; differentiable.

        Raises:
            InvalidArgumentError: a shape differs from these.
        """
        self._check_coefficients(identity, expression)
        coefficients = torch.cat([identity, expression], dim=1)
        bases = torch.cat([self.identity_basis, self.expression_basis]).flatten(1)
        return torch.addmm(self.mean.flatten(), coefficients, bases).unflatten(1, (-1, 3))

    def _check_coefficients(self, identity: torch.Tensor, expression: torch.Tensor) -> None:
        if identity.ndim != 2 or identity.shape[1] != IDENTITY_SIZE:
            raise InvalidArgumentError("identity", f"shape (N, {IDENTITY_SIZE})", tuple(identity.shape))
        if expression.shape != (identity.shape[0], EXPRESSION_SIZE):
            expected = f"shape ({identity.shape[0]}, {EXPRESSION_SIZE})"
            raise InvalidArgumentError("expression", expected, tuple(expression.shape))

    def _check_vertices(self, vertices: torch.Tensor) -> None:
        if vertices.ndim != 3 or vertices.shape[1:] != self.mean.shape:
            raise InvalidArgumentError("vertices", f"shape (N, {len(self.mean)}, 3)", tuple(vertices.shape))
