"""Fitted estimators as files: `save`, `load` and `describe`."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from sklrnn import registry
from sklrnn.deploy import archive

FORMAT = 1
"""Version of the format that is written; all versions up to it can be read."""

ESTIMATORS = {
    "HopfieldMemory": "sklrnn.memories.hopfield",
    "RNNClassifier": "sklrnn.recognition.classifier",
    "RNNForecaster": "sklrnn.forecasting.forecaster",
    "RNNGenerator": "sklrnn.symbols.generator",
    "RNNImputer": "sklrnn.imputation.imputer",
    "RNNLabeler": "sklrnn.recognition.labeler",
    "RNNRegressor": "sklrnn.recognition.regressor",
    "RNNSeq2Seq": "sklrnn.symbols.seq2seq",
}
"""What a file may hold, and where its class is."""

_NEVER_STORED = {"accelerator", "callbacks"}
_TOLD = ("columns", "frequency", "n_weights", "plugins", "members")
_PLUGGED = {"cell": registry.find_cell, "fusion": registry.find_fusion}


def save(estimator: Any, path: str | os.PathLike, *, overwrite: bool = False) -> Path:
    """Write a fitted estimator to a file, with all that using it takes.

    After `load` it gives the same bits, whatever is asked of it. The file is a zip of
    a JSON document and of arrays (safetensors); there is no pickle in it, and no code.

    Parameters
    ----------
    estimator : estimator of sklrnn
        Fitted, or pretrained.
    path : str or path
        Such as ``"pump.sklrnn"``. It is written whole or not at all.
    overwrite : bool, default=False
        Whether a file of that name may be replaced.

    Returns
    -------
    path : Path

    Raises
    ------
    TypeError
        If it is no estimator of sklrnn, or one of its parameters is an object that
        only Python can hold (a callback, an accelerator, a class without a name).
    ValueError
        If it is not fitted.
    FileExistsError
        If there is a file of that name, unless `overwrite`.

    Notes
    -----
    The file holds the weights, what calibration knows, and the rows of `fit` on which
    forecasts and updates rest; the optimiser's moments with ``warm_start=True`` alone,
    for nothing else goes on from them.

    Examples
    --------
    >>> import os, tempfile
    >>> import sklrnn
    >>> from sktime.datasets import load_airline
    >>> y = load_airline()
    >>> forecaster = sklrnn.RNNForecaster(max_epochs=1, random_state=0).fit(y)
    >>> path = sklrnn.save(forecaster, os.path.join(tempfile.mkdtemp(), "air.sklrnn"))
    >>> loaded = sklrnn.load(path)
    >>> bool((loaded.predict(fh=[1, 2]) == forecaster.predict(fh=[1, 2])).all())
    True
    """
    document, members = _content(estimator)
    return archive.write(
        path, document, members, format_version=FORMAT, overwrite=overwrite
    )


def load(path: str | os.PathLike, *, device: str | None = None) -> Any:
    """Read an estimator that `save` has written.

    No code is taken from the file, and nothing is imported that it names, beyond the
    estimators of sklrnn and, for cells and fusions, plug-ins by their registered names.

    Parameters
    ----------
    path : str or path
    device : str, optional
        Torch device to use from now on, such as "cpu" for what was trained on a GPU.

    Returns
    -------
    estimator : estimator of sklrnn
        Fitted.

    Raises
    ------
    ValueError
        If the file is damaged, none of sklrnn's, or of a newer format; as `FileError`.
    PluginError
        If a plug-in is missing, broken, or of another version than the one used.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    See `save`.
    """
    content = archive.read(path, FORMAT)
    with archive.told(path):
        return _estimator(content, device)


def describe(path: str | os.PathLike) -> dict[str, Any]:
    """Tell what a file of `save` holds; neither torch nor sktime is loaded for it.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    dict
        ``format`` and ``sklrnn``, versions; ``estimator``, its name; ``parameters``,
        those that differ from the defaults; ``columns``, each with name, role and
        dtype; ``frequency``; ``n_weights``; ``plugins``, each with distribution and
        version; ``members``, sizes and checksums.

    Raises
    ------
    ValueError
        As `load`.
    """
    document = archive.read_document(path, FORMAT)
    with archive.told(path):
        given = document["parameters"]
        return {
            "format": document["format"],
            "sklrnn": document["sklrnn"],
            "estimator": document["estimator"],
            "parameters": {name: given[name] for name in document["changed"]},
            **{name: document[name] for name in _TOLD},
        }


def _content(estimator: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the document and the arrays of a file.

    The document's "parameters" and "state" are what `packing.Packer` makes of them.
    """
    from sklrnn.deploy.packing import Packer
    from sklrnn.deploy.storable import UnstorableError

    name = type(estimator).__name__
    if name not in ESTIMATORS or type(estimator).__module__ != ESTIMATORS[name]:
        raise TypeError(
            f"estimator must be one of {', '.join(ESTIMATORS)}, got "
            f"{type(estimator).__module__}.{name}; of a pipeline, save the step that "
            "is one of sklrnn's"
        )
    _check_fitted(estimator)
    given = estimator.get_params(deep=False)
    state = {key: value for key, value in vars(estimator).items() if key not in given}
    packer = Packer()
    try:
        packed = {key: packer.pack(one, key) for key, one in given.items()}
    except UnstorableError as error:
        raise TypeError(_unstorable(error)) from error
    try:
        learned = {key: packer.pack(one, key) for key, one in state.items()}
    except UnstorableError as error:
        raise TypeError(
            f"{error}: it came with the data of fit; use strings, numbers, dates or "
            "tuples of them for names and symbols"
        ) from error
    document = {
        "sklrnn": sys.modules["sklrnn"].__version__,
        "estimator": name,
        "parameters": packed,
        "changed": _changed(estimator, given),
        "columns": _columns(estimator),
        "frequency": _frequency(estimator),
        "n_weights": _n_weights(packer.weights),
        "plugins": _plugins(estimator),
        "state": learned,
    }
    return document, {"weights": packer.weights, "arrays": packer.arrays}


def _unstorable(error: Any) -> str:
    parameter = error.where.partition(".")[0]
    if parameter in _PLUGGED:
        remedy = (
            f"give the class a name with register_{parameter}, or an entry point in a "
            "package, and fit with it"
        )
    else:
        remedy = (
            f"set estimator.{parameter} = None before saving (what was learned stays), "
            "or pickle the estimator"
        )
    return f"{parameter} is or holds {error.what}, which no file can hold; {remedy}"


def _check_fitted(estimator: Any) -> None:
    names = ("_fitted", "pretrained_", "n_patterns_")
    if not any(hasattr(estimator, name) for name in names):
        raise ValueError(
            f"this {type(estimator).__name__} is not fitted: nothing has been learned "
            "that a file could hold; call fit first"
        )


def _changed(estimator: Any, given: dict[str, Any]) -> list[str]:
    """Return the names of the parameters that are not at their defaults."""
    defaults = type(estimator)().get_params(deep=False)
    return [
        name
        for name, value in given.items()
        if type(value) is not type(defaults[name]) or value != defaults[name]
    ]


def _columns(estimator: Any) -> list[dict[str, Any]]:
    """Return name, role and dtype of what the estimator reads."""
    fitted: Any = vars(estimator).get("_fitted", vars(estimator).get("pretrained_"))
    if hasattr(fitted, "targets"):
        known = fitted.categories.known
        rows = [(name, "target", "float64") for name in fitted.targets]
        for name in fitted.exogenous:
            dtype = "category" if name in known else "float64"
            rows.append((name, "exogenous", dtype))
    elif hasattr(estimator, "n_features_in_"):
        names = getattr(estimator, "feature_names_in_", None)
        if names is None:
            names = range(estimator.n_features_in_)
        rows = [(name, "feature", "float64") for name in names]
    else:
        rows = []
        for attribute, role in (
            ("symbols_", "symbol"),
            ("input_tokens_", "input symbol"),
            ("output_tokens_", "output symbol"),
        ):
            for token in getattr(estimator, attribute, []):
                rows.append((token, role, type(token).__name__))
    return [
        {"name": str(name), "role": role, "dtype": dtype} for name, role, dtype in rows
    ]


def _frequency(estimator: Any) -> str | int | None:
    """Return the step from one row to the next, where rows have times."""
    fitted: Any = vars(estimator).get("_fitted", vars(estimator).get("pretrained_"))
    step = getattr(fitted, "step", None)
    return step if isinstance(step, int) else getattr(step, "freqstr", None)


def _n_weights(weights: dict[str, Any]) -> int:
    return sum(
        int(array.size) for name, array in weights.items() if ".net.weights." in name
    )


def _plugins(estimator: Any) -> list[dict[str, Any]]:
    """Return the cell and the fusion, as far as they are not built in."""
    found = []
    for kind, find in _PLUGGED.items():
        name = getattr(estimator, kind, None)
        if name is None:
            continue
        identity = registry.identify(find(name))
        if identity is not None and registry.describe(find(name)) is not None:
            found.append(identity._asdict())
    return found


def _estimator(content: archive.Content, device: str | None) -> Any:
    """Put an estimator together from what a file holds."""
    from sklrnn.deploy.storable import check_state, load_class
    from sklrnn.deploy.unpacking import Unpacker, set_fields

    document = content.document
    name = document["estimator"]
    if name not in ESTIMATORS:
        raise ValueError(f"it holds no estimator of sklrnn, but {name!r:.80}")
    for one in document["plugins"]:
        registry.find_identified(registry.Identity(**one))
    unpacker = Unpacker(content.arrays, device=device)
    given = {key: unpacker.unpack(one) for key, one in document["parameters"].items()}
    for key in _NEVER_STORED & set(given):
        if given[key]:
            raise ValueError(f"{key} is {given[key]!r:.80}, which no file can hold")
    cls = getattr(import_module(ESTIMATORS[name]), name)
    if device is not None and "device" in given:
        given["device"] = device
    estimator = cls(**given)
    state = {key: unpacker.unpack(one) for key, one in document["state"].items()}
    if set(state) & set(given):
        raise ValueError("what was learned has the names of parameters")
    check_state(state)
    set_fields(estimator, state)
    if "net_" in state or "pretrained_" in state:
        load_class("sklrnn.training.parameters:check_params")(estimator)
    return estimator
