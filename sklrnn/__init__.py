"""The public names of sklrnn and its version; light, since names load on first use."""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "HopfieldMemory",
    "RNNClassifier",
    "RNNForecaster",
    "RNNGenerator",
    "RNNImputer",
    "RNNLabeler",
    "RNNRegressor",
    "RNNSeq2Seq",
    "__version__",
    "config_context",
    "datasets",
    "describe",
    "forecast_panel",
    "get_config",
    "inspection",
    "load",
    "plotting",
    "plugins",
    "register_cell",
    "register_fusion",
    "save",
    "set_config",
    "testing",
]

# Importing torch takes seconds, and looking at a package should not: each name is
# imported from its module when it is first asked for (PEP 562).
_MODULE_OF_NAME = {
    "HopfieldMemory": "sklrnn.memories.hopfield",
    "RNNClassifier": "sklrnn.recognition.classifier",
    "RNNForecaster": "sklrnn.forecasting.forecaster",
    "RNNGenerator": "sklrnn.symbols.generator",
    "RNNImputer": "sklrnn.imputation.imputer",
    "RNNLabeler": "sklrnn.recognition.labeler",
    "RNNRegressor": "sklrnn.recognition.regressor",
    "RNNSeq2Seq": "sklrnn.symbols.seq2seq",
    "plugins": "sklrnn.registry",
    "register_cell": "sklrnn.registry",
    "register_fusion": "sklrnn.registry",
    "config_context": "sklrnn.config",
    "describe": "sklrnn.deploy.saving",
    "load": "sklrnn.deploy.saving",
    "save": "sklrnn.deploy.saving",
    "forecast_panel": "sklrnn.forecasting.distributed",
    "get_config": "sklrnn.config",
    "set_config": "sklrnn.config",
}
_SUBMODULES = {"datasets", "inspection", "plotting", "testing"}

# A type checker reads the names here, and would believe in any name at all if it
# saw a __getattr__.
if TYPE_CHECKING:
    from sklrnn import datasets, inspection, plotting, testing
    from sklrnn.config import config_context, get_config, set_config
    from sklrnn.deploy.saving import describe, load, save
    from sklrnn.forecasting.distributed import forecast_panel
    from sklrnn.forecasting.forecaster import RNNForecaster
    from sklrnn.imputation.imputer import RNNImputer
    from sklrnn.memories.hopfield import HopfieldMemory
    from sklrnn.recognition.classifier import RNNClassifier
    from sklrnn.recognition.labeler import RNNLabeler
    from sklrnn.recognition.regressor import RNNRegressor
    from sklrnn.registry import plugins, register_cell, register_fusion
    from sklrnn.symbols.generator import RNNGenerator
    from sklrnn.symbols.seq2seq import RNNSeq2Seq
else:

    def __getattr__(name):
        if name in _SUBMODULES:
            return import_module(f"sklrnn.{name}")
        if name in _MODULE_OF_NAME:
            value = getattr(import_module(_MODULE_OF_NAME[name]), name)
            globals()[name] = value  # the next use does not come through here
            return value
        raise AttributeError(f"module 'sklrnn' has no attribute {name!r}")

    def __dir__():
        return sorted(__all__)
