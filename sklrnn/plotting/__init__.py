"""Pictures of forecasts, gaps, gates and gradients; light without matplotlib."""

from sklrnn.plotting.absence import plot_absence
from sklrnn.plotting.forecast import plot_forecast
from sklrnn.plotting.imputation import plot_imputation
from sklrnn.plotting.network import plot_fusion_gates, plot_gradient_flow
from sklrnn.plotting.symbols import plot_surprisal

__all__ = [
    "plot_absence",
    "plot_forecast",
    "plot_fusion_gates",
    "plot_gradient_flow",
    "plot_imputation",
    "plot_surprisal",
]
