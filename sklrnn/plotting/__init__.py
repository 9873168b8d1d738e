"""Pictures of forecasts, gaps, gates, attention; light without matplotlib."""

from sklrnn.plotting.absence import plot_absence
from sklrnn.plotting.attention import plot_attention
from sklrnn.plotting.forecast import plot_forecast
from sklrnn.plotting.imputation import plot_imputation
from sklrnn.plotting.network import plot_fusion_gates, plot_gradient_flow

__all__ = [
    "plot_absence",
    "plot_attention",
    "plot_forecast",
    "plot_fusion_gates",
    "plot_gradient_flow",
    "plot_imputation",
]
