"""What scikit-learn and sktime give to a classifier or regressor of sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_consistent_length,
    validate_data,
)

from sklrnn.data.cells import refuse_strange_cells
from sklrnn.data.names import arranged, arranged_table, column_names
from sklrnn.data.sequences import (
    Sequences,
    flat_sequences,
    is_flat,
    merge_repeats,
    read_sequences,
)
from sklrnn.interfaces.parameters import check_choice, draw_seed
from sklrnn.interfaces.sklearn import SklearnSide
from sklrnn.network.pooling import POOLINGS
from sklrnn.recognition.answers import answer
from sklrnn.recognition.learning import NORMALIZATIONS, Lesson, learn
from sklrnn.training import DivergenceError
from sklrnn.training.course import show
from sklrnn.training.parameters import LAYER_PARAMS, TRAINING_ONLY, check_params

ARCHITECTURE = (
    *(name for name in LAYER_PARAMS if name not in TRAINING_ONLY),
    "normalize",
)


class SequenceEstimator(SklearnSide):
    """Reads sequences, learns from them, and runs the network over others.

    Two-dimensional arrays and frames without a MultiIndex are scikit-learn's: every
    row is a sequence of one channel, and all tables have the same number of steps.
    Everything else is a panel.
    """

    # What the estimator has.
    n_features_in_: int
    net_: Any
    normalize: Any
    random_state: Any
    _names: tuple[bool, Any]  # whether X was a table, and the labels of its columns

    def _check_params(self) -> None:
        check_params(self)
        check_choice("normalize", self.normalize, NORMALIZATIONS)
        pooling = getattr(self, "pooling", "last")
        check_choice("pooling", pooling, POOLINGS)

    def _read(self, X: Any, *, reset: bool) -> Sequences:
        """Check X, and return it as sequences."""
        X = self._arrange(X, reset=reset)
        if is_flat(X):
            how: Any = {
                "dtype": [np.float64, np.float32],
                "ensure_all_finite": "allow-nan",
            }
            if reset or "_n_steps" in self.__dict__:
                table: Any = validate_data(self, X, reset=reset, **how)
            else:
                table = check_array(X, **how)
            if reset:
                self._n_steps = table.shape[1]
            sequences = flat_sequences(table)
        else:
            sequences = read_sequences(X)
            if reset:
                self.n_features_in_ = sequences.values.shape[1]
        n_channels = sequences.values.shape[1]
        if reset:
            self._n_channels = n_channels
        elif n_channels != self._n_channels:
            raise ValueError(
                f"X has {n_channels} channels, but {type(self).__name__} was fitted to "
                f"sequences of {self._n_channels}"
            )
        return sequences

    def _arrange(self, X: Any, *, reset: bool) -> Any:
        """Check what X is, and put its named columns into the order of `fit`.

        Names of steps in a table are scikit-learn's to check; those of channels in a
        panel are matched here.
        """
        refuse_strange_cells(X)
        flat = is_flat(X)
        X = X if flat else _as_panel(X)
        known = column_names(X)
        if reset:
            self._names = (flat, known)
        elif self._names[0] == flat:
            known = self._names[1]
        return (arranged_table if flat else arranged)(X, known)

    def _learn(self, lesson: Lesson, pooling: str | None) -> None:
        """Train, and keep what has been learned."""
        architecture = {n: getattr(self, n) for n in ARCHITECTURE}
        architecture["pooling"] = pooling
        architecture["number of channels"] = lesson.sequences.values.shape[1]
        architecture["number of outputs"] = lesson.n_outputs
        start = self._begin(architecture)
        self.seed_ = draw_seed(self.random_state)
        try:
            fitted = learn(self, lesson, pooling=pooling, seed=self.seed_, start=start)
        except DivergenceError as error:
            self.net_ = error.net
            raise
        self._finish(fitted, architecture)
        show(self, fitted)

    def _answer(self, sequences: Sequences) -> np.ndarray:
        return answer(self._fitted, sequences)

    def count_parameters(self) -> dict[str, int]:
        """Count the weights of the fitted network.

        Returns
        -------
        dict
            "layers", the recurrent layers with what joins them; "head", what pools and
            answers; "teacher", what a decoupled network has beside its forward branch;
            "total".
        """
        self._check_fitted()
        return self.net_.module_.count_parameters()


def weigh(
    sequences: Sequences, answers: np.ndarray, sample_weight: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return which samples to learn from, and their weights.

    Raises
    ------
    ValueError
        If there are more or fewer answers or weights than sequences, if a weight is
        negative, or if all are 0.
    """
    check_consistent_length(sequences.lengths, answers)
    weights = _check_sample_weight(
        sample_weight, sequences.lengths, dtype=np.float64, ensure_non_negative=True
    )
    return merge_repeats(sequences, answers, weights)


def weigh_classes(
    class_weight: Any, classes: np.ndarray, answers: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return weights times those of the classes they belong to."""
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts = np.bincount(answers, weights=weights)
        of_class = counts.sum() / (len(counts) * counts)
    else:
        of_class = compute_class_weight(
            class_weight, classes=classes, y=classes[answers]
        )
    return weights * of_class[answers]


def _as_panel(X: Any) -> Any:
    """Turn what sktime knows beside frames, arrays and lists into a list of frames."""
    if isinstance(X, (np.ndarray, list)) or hasattr(X, "iloc"):
        return X
    from sktime.datatypes import convert_to

    return convert_to(X, "df-list", as_scitype="Panel")
