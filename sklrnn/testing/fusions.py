"""What is expected of a fusion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from sklrnn.registry import find_fusion
from sklrnn.testing.shared import SHARED
from sklrnn.testing.trial import (
    BATCH,
    HIDDEN_SIZE,
    N_STEPS,
    Property,
    Trial,
    check,
    differ,
    expect,
    expect_equal,
    titled,
)


def check_fusion(
    fusion: str | type[nn.Module],
    *,
    expected_failed_checks: Mapping[str, str] | None = None,
    **fusion_params: Any,
) -> None:
    """Check that a fusion keeps the contract.

    Parameters
    ----------
    fusion : str or class
        As the parameter `fusion` of the estimators; a class inherits from
        `torch.nn.Module`. By name, the entry point and the API number of a plug-in
        are checked as well.
    expected_failed_checks : dict of str to str, optional
        Names of properties that this fusion cannot have, each with the reason.
    **fusion_params
        For the constructor, as the parameter `fusion_params` of the estimators.

    Raises
    ------
    AssertionError
        If properties are lacking: each by its name, with what was seen and what to
        mend.
    ValueError
        If no fusion of that name is known, or `expected_failed_checks` has a name that
        is none of a property.
    PluginError
        If the plug-in of that name cannot be used.

    Examples
    --------
    >>> from sklrnn.testing import check_fusion
    >>> check_fusion("recurrent", fuser="lstm")
    """
    try:
        cls = find_fusion(fusion)
    except TypeError as error:
        raise AssertionError(f"{fusion!r} is no fusion: {error}") from None
    check(
        "fusion",
        {"": FusionTrial(cls, fusion_params)},
        (*PROPERTIES, *SHARED),
        expected_failed_checks,
    )


class FusionTrial(Trial):
    """A class of fusions, with its parameters, and how to run it."""

    n_values = HIDDEN_SIZE

    def construct(self) -> Any:
        """Return a new fusion."""
        return self.cls(HIDDEN_SIZE, **self.keywords)

    def inputs(self, dtype: torch.dtype = torch.float64, seed: int = 0) -> list[Tensor]:
        """Return two hidden sequences."""
        generator = torch.Generator().manual_seed(seed)
        shape = (2, BATCH, N_STEPS, HIDDEN_SIZE)
        both = torch.randn(shape, generator=generator, dtype=torch.float64)
        return list(both.to(dtype))

    def run(self, module: Any, *inputs: Tensor, **context: Any) -> Tensor:
        """Return the fused sequence."""
        return module(*inputs)

    def output_size(self, module: Any) -> int:
        """Return what the fusion says."""
        return module.output_size

    def causal(self, module: Any) -> bool:
        """Return what the fusion says."""
        return module.causal


@titled("output_size and causal are declared")
def _declarations(trial: FusionTrial) -> None:
    module = trial.build()
    size, causal = (getattr(module, n, None) for n in ("output_size", "causal"))
    expect(
        isinstance(size, int) and size > 0,
        f"output_size must be the number of features of the output, got {size!r}",
    )
    expect(
        isinstance(causal, bool),
        "causal must be True if no output depends on a later step of the first input, "
        f"else False; got {causal!r}",
    )


@titled("a fusion that says it is stepwise fuses every step on its own")
def _stepwise(trial: FusionTrial) -> None:
    module = trial.build()
    if not getattr(module, "stepwise", False):
        return
    inputs = trial.inputs()
    whole = trial.run(module, *inputs)
    for step in range(N_STEPS):
        alone = trial.run(module, *(x[:, step : step + 1] for x in inputs))
        expect_equal(
            alone,
            whole[:, step : step + 1],
            f"step {step} alone is fused to something else than in its sequence; "
            "declare stepwise = False",
        )


@titled("both inputs matter")
def _both_matter(trial: FusionTrial) -> None:
    module = trial.build()
    (first, second), (other, another) = trial.inputs(), trial.inputs(seed=1)
    before = trial.run(module, first, second)
    for name, changed in ("first", (other, second)), ("second", (first, another)):
        expect(
            differ(trial.run(module, *changed), before),
            f"the output does not change with the {name} input",
        )


PROPERTIES: tuple[Property, ...] = (_declarations, _stepwise, _both_matter)
