"""The network that recognises: sequences in, one answer per sequence or step out."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from sklrnn.network.assemble import Rows
from sklrnn.network.encoded import EncodedNetwork
from sklrnn.network.losses import WeightedCrossEntropy, WeightedMSE
from sklrnn.network.pooling import Pooling

LOSSES = {"cross_entropy": WeightedCrossEntropy, "mse": WeightedMSE}


class RecognitionNetwork(EncodedNetwork):
    """Sequences in; scores of classes, or values, out.

    Parameters
    ----------
    n_channels, n_outputs : int
    masked : bool
        Whether the input rows hold the mask and the time since last seen after the
        values, as `sklrnn.data.windows.channels` writes them.
    pooling : {"last", "mean", "max", "attention"} or None
        None for an answer at every step.
    window_length : int
        Number of steps of the longest sequence.
    **layers
        As `sklrnn.network.assemble.LayerParams` lists them.
    """

    def __init__(
        self,
        *,
        n_channels: int,
        n_outputs: int,
        masked: bool,
        pooling: str | None,
        window_length: int,
        **layers: Any,
    ) -> None:
        n_read = n_channels * (3 if masked else 1)
        super().__init__(Rows(n_read, n_channels, masked, window_length), **layers)
        size = self.encoder.output_size
        self.pool = None if pooling is None else Pooling(pooling, size)
        self.head = nn.Linear(size, n_outputs)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Answer.

        Parameters
        ----------
        x : Tensor of shape (batch, steps, n_read)
        lengths : Tensor of shape (batch,), int, optional
            Number of steps of each sequence; all if not given.

        Returns
        -------
        Tensor of shape (batch, n_outputs)
            Without pooling of shape (batch, steps, n_outputs).
        """
        return self.head(self._read(x, lengths))

    def loss(
        self,
        criterion: nn.Module,
        inputs: dict[str, Tensor],
        scored: tuple[Tensor, Tensor],
        progress: float,
    ) -> tuple[Tensor, Tensor]:
        """Score a batch, with all that the current phase of the training is to learn.

        Parameters
        ----------
        criterion : nn.Module
            Takes prediction, target and weight.
        inputs : dict of Tensor
            As `forward` takes them.
        scored : tuple of Tensor
            Target and weight.
        progress : float
            Share of the training that is done, from 0 to 1.

        Returns
        -------
        loss : Tensor, scalar
        prediction : Tensor
        """
        x, lengths = inputs["x"], inputs.get("lengths")
        if self.phase == "backward":
            return self.encoder.backward_loss(x, self.known(x), _full(x, lengths))
        targets = self.known(x) if self.training else None
        if not (self.training and self.decoupled):
            prediction = self.head(self._read(x, lengths, targets))
            extra = self.encoder.take_teaching_error()
        else:
            outputs, _ = self.encoder.sequence(x, targets=targets, lengths=lengths)
            pooled = outputs if self.pool is None else self.pool(outputs, lengths)
            prediction = self.head(pooled)
            extra = self.encoder.student_loss(
                outputs, x, self.known(x), _full(x, lengths), progress
            )
            error = self.encoder.take_teaching_error()
            extra = extra if error is None else extra + error
        loss = criterion(prediction, *scored)
        return (loss if extra is None else loss + extra), prediction

    def _read(
        self, x: Tensor, lengths: Tensor | None, targets: Tensor | None = None
    ) -> Tensor:
        """Run the recurrent layers, and pool."""
        if self.pool is not None and self.pool.kind == "last":
            return self.encoder.summary(x, targets=targets, lengths=lengths)
        outputs, _ = self.encoder.sequence(x, targets=targets, lengths=lengths)
        return outputs if self.pool is None else self.pool(outputs, lengths)


def _full(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the length of every sequence."""
    return x.new_full((len(x),), x.shape[1]).long() if lengths is None else lengths
