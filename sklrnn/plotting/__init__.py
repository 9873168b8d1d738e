"""Pictures of forecasts, gaps, gates, memories; light without matplotlib."""

from sklrnn.plotting.absence import plot_absence
from sklrnn.plotting.attention import plot_attention
from sklrnn.plotting.forecast import plot_forecast, plot_panel
from sklrnn.plotting.gates import plot_fusion_gates
from sklrnn.plotting.gradients import plot_gradient_flow
from sklrnn.plotting.imputation import plot_imputation
from sklrnn.plotting.recall import plot_load, plot_recall
from sklrnn.plotting.symbols import plot_surprisal

__all__ = [
    "plot_absence",
    "plot_attention",
    "plot_forecast",
    "plot_fusion_gates",
    "plot_gradient_flow",
    "plot_imputation",
    "plot_load",
    "plot_panel",
    "plot_recall",
    "plot_surprisal",
]
