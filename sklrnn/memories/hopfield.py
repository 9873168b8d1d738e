"""HopfieldMemory: store patterns, and recall them from what is left of them."""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from sklrnn.interfaces.fits import whole_or_not_at_all
from sklrnn.interfaces.parameters import (
    check_choice,
    check_integer,
    check_real,
    draw_seed,
)
from sklrnn.interfaces.tables import match_table
from sklrnn.memories import attractors

KINDS = ("modern", "classic")
RULES = ("hebb", "storkey", "pseudo-inverse")
UPDATES = ("asynchronous", "synchronous")
_BELONGS_TO = {
    "rule": "classic",
    "update": "classic",
    "threshold": "classic",
    "beta": "modern",
    "tol": "modern",
}
_TOL = 1e-6
_CAPACITY = {
    "hebb": attractors.hebb_capacity,
    "storkey": attractors.storkey_capacity,
    "pseudo-inverse": attractors.projection_capacity,
}


class Recall(NamedTuple):
    """What became of cues, and how.

    Attributes
    ----------
    states : ndarray of shape (n_cues, n_features)
        As `HopfieldMemory.predict` returns them.
    converged : ndarray of shape (n_cues,), bool
        Whether one more iteration would change nothing.
    n_iter : ndarray of shape (n_cues,), int
        Number of iterations that changed something; 0 for a cue that is a fixed point.
    """

    states: np.ndarray
    converged: np.ndarray
    n_iter: np.ndarray


class Stability(NamedTuple):
    """How firmly patterns are held.

    Attributes
    ----------
    stable : ndarray of shape (n_patterns, n_features), bool
        Which entries one iteration leaves as they are.
    crosstalk : ndarray of shape (n_patterns, n_features)
        What other patterns do to an entry. Classic: 1 less the field along the unit, so
        that 0 is no disturbance and a unit flips above 1. Modern: by how much one
        iteration moves the entry, in the units of the patterns.
    """

    stable: np.ndarray
    crosstalk: np.ndarray


class HopfieldMemory(BaseEstimator):
    r"""Associative memory: stores patterns, and recalls them from corrupted cues.

    `fit` stores the rows of a table as patterns. `predict` takes cues, rows that
    resemble a pattern, and returns what the network settles in: the pattern, if it is
    not too far away and the memory is not overloaded.

    The classic network (Hopfield 1982) has units of -1 and +1 and symmetric weights
    without self-connections. Each unit follows the sign of its field; the energy falls:

    .. math::
        s_i \leftarrow \operatorname{sign}\Bigl(\sum_j w_{ij} s_j\Bigr), \qquad
        E(s) = -\tfrac12 \sum_{ij} w_{ij} s_i s_j

    The modern network (Ramsauer et al. 2021) keeps the patterns, of any numbers, as the
    columns of X, and moves a state :math:`\xi` to where their softmax draws it:

    .. math::
        \xi \leftarrow X \operatorname{softmax}(\beta X^T \xi), \qquad
        E(\xi) = -\tfrac1\beta \log \sum_{\mu=1}^P e^{\beta x_\mu^T \xi}
        + \tfrac12 \xi^T \xi + \tfrac1\beta \log P + \tfrac12 \max_\mu |x_\mu|^2

    Parameters
    ----------
    kind : {"modern", "classic"}, default="modern"
        Which network. "modern" takes any numbers, "classic" takes -1 and +1.
    rule : {"hebb", "storkey", "pseudo-inverse"} or None, default=None
        Classic alone: how patterns become weights. None: "hebb". See Notes.
    update : {"asynchronous", "synchronous"} or None, default=None
        Classic alone: whether the units follow their fields one after another, in an
        order drawn anew for each iteration, or all at once. None: "asynchronous", which
        always settles; "synchronous" may go back and forth between two states.
    threshold : float or None, default=None
        Classic alone: values above it, in patterns and cues, become +1, all others -1.
        None: they must be -1 and +1 already.
    beta : float or None, default=None
        Modern alone: inverse temperature, in 1 over squared units of the patterns. The
        higher, the more patterns are kept apart; low ones recall averages of similar
        patterns. None: from the patterns, as low as keeps each one that can be told
        from the others.
    tol : float or None, default=None
        Modern alone: largest move of an entry in one iteration that counts as none,
        relative to the largest absolute entry of the patterns. None: 1e-6.
    max_iter : int, default=100
        Most iterations of `predict`. In an iteration every unit is updated once.
    random_state : int, numpy generator or None, default=None
        Makes results repeatable. It draws the order of asynchronous updates, in `fit`:
        equal cues then have equal answers. Nothing else is random.

    Attributes
    ----------
    weights_ : ndarray of shape (n_features, n_features) or None
        Classic: the weights, symmetric with a diagonal of zero.
    patterns_ : ndarray of shape (n_patterns, n_features) or None
        Modern: the patterns.
    rule_ : str or None
        Classic: the rule in use.
    beta_ : float or None
        Modern: the beta in use.
    n_patterns_ : int
        Number of patterns stored.
    load_ : float
        The same divided by the number of features.
    capacity_ : float
        How many random patterns such a memory holds; see Notes.
    seed_ : int
        The seed in use.
    n_features_in_ : int
        Number of features, the units of the network.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, if `fit` had a DataFrame with names that are strings.

    Raises
    ------
    ValueError, TypeError
        In `fit`, if a parameter is unusable or belongs to the other kind, and wherever
        patterns or cues of a classic memory without threshold are not -1 and +1; the
        message says what would be right.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        In `predict` and `recall`, if some cues have not settled within `max_iter`.
    UserWarning
        In `fit`, if all weights are zero, so that nothing can be recalled.

    See Also
    --------
    sklrnn.plotting.plot_recall : Draws patterns, cues and what was recalled.

    Notes
    -----
    With N units and P patterns x, the rules and the capacities for random patterns:

    - "hebb": :math:`w_{ij} = \frac1N \sum_\mu x_i^\mu x_j^\mu`. 0.138 N patterns come
      back with a few wrong bits (Amit, Gutfreund and Sompolinsky 1985), N / (2 ln N)
      without any.
    - "storkey": patterns one after another, with the fields :math:`h_{ij} =
      \sum_{k \ne i, j} w_{ik} x_k` of the weights before them: :math:`w_{ij}
      \mathrel{+}= \frac1N (x_i x_j - x_i h_{ji} - h_{ij} x_j)` (Storkey 1997).
      N / sqrt(2 ln N) patterns without wrong bits.
    - "pseudo-inverse": the projection on the space of the patterns, without its
      diagonal. N - 1 linearly independent patterns, random or not, but cues must be
      closer the more there are (Personnaz, Guyon and Dreyfus 1985; Kanter and
      Sompolinsky 1987).
    - "modern": exponentially many in N for a given beta. `capacity_` is the lower bound
      of the theorem on storage capacity in Ramsauer et al. (2021), for random patterns
      of the root mean square length of those stored, with a probability of 0.999. NaN
      where the theorem does not apply, as for a small beta or few features.

    Patterns that resemble each other need more room than random ones under "hebb" and
    "storkey"; `stability` measures how firmly your own are held. Negatives of patterns
    are fixed points of a classic network, too.

    The modern network compares by products: subtract the mean of the features first,
    since a common offset makes all patterns alike.

    A classic memory holds N x N numbers, however many patterns there are; a modern one
    holds its patterns.

    References
    ----------
    J. J. Hopfield, "Neural networks and physical systems with emergent collective
    computational abilities", PNAS 79, 1982. D. J. Amit, H. Gutfreund and
    H. Sompolinsky, "Storing infinite numbers of patterns in a spin-glass model of
    neural networks", Physical Review Letters 55, 1985. L. Personnaz, I. Guyon and
    G. Dreyfus, "Information storage and retrieval in spin-glass like neural networks",
    Journal de Physique Lettres 46, 1985. I. Kanter and H. Sompolinsky, "Associative
    recall of memory without errors", Physical Review A 35, 1987. A. Storkey,
    "Increasing the capacity of a Hopfield network without sacrificing functionality",
    ICANN 1997. H. Ramsauer et al., "Hopfield networks is all you need", ICLR 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from sklrnn import HopfieldMemory
    >>> patterns = np.random.default_rng(0).choice([-1, 1], size=(10, 100))
    >>> cues = patterns.copy()
    >>> cues[:, :15] *= -1
    >>> memory = HopfieldMemory(kind="classic", random_state=0).fit(patterns)
    >>> bool((memory.predict(cues) == patterns).all())
    True
    >>> memory.n_patterns_, round(memory.capacity_, 1)
    (10, 13.8)

    Numbers of any kind:

    >>> X = np.random.default_rng(0).normal(size=(500, 50))
    >>> recalled = HopfieldMemory().fit(X).predict(X + 0.3)
    >>> bool(np.abs(recalled - X).max() < 0.01)
    True
    """

    # What is stored; None in a memory of the other kind.
    weights_: Any
    patterns_: Any
    beta_: Any
    _diagonal: Any

    def __init__(
        self,
        kind="modern",
        rule=None,
        update=None,
        threshold=None,
        beta=None,
        tol=None,
        max_iter=100,
        random_state=None,
    ):
        self.kind = kind
        self.rule = rule
        self.update = update
        self.threshold = threshold
        self.beta = beta
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state

    # ---- storing --------------------------------------------------------------------

    @whole_or_not_at_all
    def fit(self, X, y=None):
        """Store patterns, and forget all others.

        Parameters
        ----------
        X : array-like of shape (n_patterns, n_features)
            Patterns in rows.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If a parameter or a pattern is unusable.
        """
        return self._store(X, first=True)

    @whole_or_not_at_all
    def partial_fit(self, X, y=None):
        """Store further patterns beside those that are stored.

        All rules and both kinds can. The result is that of one `fit` with all patterns
        in this order.

        Parameters
        ----------
        X : array-like of shape (n_patterns, n_features)
            Patterns in rows.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If a parameter or a pattern is unusable, or if `kind` or `rule` is not the
            one that the earlier patterns were stored with.
        """
        return self._store(X, first=not hasattr(self, "n_patterns_"))

    def _store(self, X, first):
        self._check_params()
        rule = self._choose_rule()
        if not first:
            self._check_unchanged(rule)
        patterns = self._admit(X, reset=first)
        if first:
            self._begin(rule)
        elif rule is not None:
            self.weights_ = self.weights_.copy()  # an interrupt leaves the old ones
        if rule is None:
            self.patterns_ = np.concatenate([self.patterns_, patterns])
        elif rule == "hebb":
            attractors.add_hebb(self.weights_, patterns)
        elif rule == "storkey":
            attractors.add_storkey(self.weights_, patterns)
        else:
            attractors.add_projection(self.weights_, self._diagonal, patterns)
        self._count(len(patterns))
        return self

    def _begin(self, rule):
        n = self.n_features_in_
        self.seed_ = draw_seed(self.random_state)
        self.rule_ = rule
        self.n_patterns_ = 0
        self.weights_ = None if rule is None else np.zeros((n, n))
        self.patterns_ = np.empty((0, n)) if rule is None else None
        self._diagonal = np.zeros(n) if rule == "pseudo-inverse" else None
        self.beta_ = None

    def _count(self, n_added):
        n = self.n_features_in_
        self.n_patterns_ += n_added
        self.load_ = self.n_patterns_ / n
        if self.rule_ is None:
            self.beta_ = self.beta
            if self.beta is None:
                self.beta_ = attractors.suitable_beta(self.patterns_)
            length = math.sqrt((self.patterns_**2).sum(axis=1).mean())
            self.capacity_ = attractors.modern_capacity(n, self.beta_, length)
            return
        self.capacity_ = _CAPACITY[self.rule_](n)
        if not self.weights_.any():
            warnings.warn(
                f"with rule={self.rule_!r} these {self.n_patterns_} patterns of "
                f"{n} features leave all weights at zero, so that every state stays as "
                "it is and nothing is recalled; store fewer patterns than features",
                UserWarning,
                stacklevel=4,
            )

    # ---- recalling ------------------------------------------------------------------

    def predict(self, X):
        """Recall patterns from cues.

        Parameters
        ----------
        X : array-like of shape (n_cues, n_features)
            Cues in rows.

        Returns
        -------
        states : ndarray of shape (n_cues, n_features)
            What each cue settles in: -1.0 and +1.0 if the memory is classic, else
            numbers in the units of the patterns.

        Raises
        ------
        ValueError, TypeError
            If cues are not what `fit` had: see the class.
        """
        return self._settle(X).states

    def recall(self, X):
        """Recall patterns from cues, and tell how it went.

        Parameters
        ----------
        X : array-like of shape (n_cues, n_features)
            Cues in rows.

        Returns
        -------
        recall : Recall
            States, which of them have converged, and after how many iterations.

        Raises
        ------
        ValueError, TypeError
            If cues are not what `fit` had: see the class.
        """
        return self._settle(X)

    def energy(self, X):
        """Return the energy of states; no asynchronous or modern iteration raises it.

        Parameters
        ----------
        X : array-like of shape (n_states, n_features)
            States in rows.

        Returns
        -------
        energy : ndarray of shape (n_states,)

        Raises
        ------
        ValueError, TypeError
            If states are not what `fit` had: see the class.
        """
        states = self._admit_states(X)
        if self.rule_ is None:
            return attractors.modern_energy(self.patterns_, self.beta_, states)
        return attractors.energy(self.weights_, states)

    def stability(self, X):
        """Measure how firmly patterns are held.

        Parameters
        ----------
        X : array-like of shape (n_patterns, n_features)
            Patterns in rows: those of `fit`, or others to compare them with.

        Returns
        -------
        stability : Stability
            Which entries stay as they are, and the crosstalk on each.
            ``stable.mean()`` is the share of stable bits; a pattern is a fixed point if
            all its entries are stable.

        Raises
        ------
        ValueError, TypeError
            If patterns are not what `fit` had: see the class.
        """
        patterns = self._admit_states(X)
        if self.rule_ is None:
            new = attractors.attend(self.patterns_, self.beta_, patterns)
            moves = np.abs(new - patterns)
            return Stability(moves <= self._shortest_move(), moves)
        fields = patterns @ self.weights_
        stable = ~attractors.opposed(patterns, fields)
        return Stability(stable, 1.0 - patterns * fields)

    def _settle(self, X):
        states = self._admit_states(X)
        recall = Recall(*attractors.settle(states, self._update(), self.max_iter))
        n_restless = int((~recall.converged).sum())
        if n_restless:
            remedy = "raise max_iter"
            if self.update == "synchronous":
                remedy = "a synchronous update may swing between two states; " + (
                    "update='asynchronous' settles"
                )
            warnings.warn(
                f"{n_restless} of {len(states)} cues have not settled within "
                f"max_iter={self.max_iter} iterations: {remedy}",
                ConvergenceWarning,
                stacklevel=3,
            )
        return recall

    def _update(self):
        if self.rule_ is None:
            return attractors.move_towards(
                self.patterns_, self.beta_, self._shortest_move()
            )
        if self.update == "synchronous":
            return attractors.flip_at_once(self.weights_)
        rng = np.random.default_rng(self.seed_)
        return attractors.flip_in_turn(self.weights_, rng)

    def _shortest_move(self):
        tol = _TOL if self.tol is None else self.tol
        return tol * np.abs(self.patterns_).max()

    # ---- checks ---------------------------------------------------------------------

    def _check_params(self):
        check_choice("kind", self.kind, KINDS)
        for name, kind in _BELONGS_TO.items():
            value = getattr(self, name)
            if value is not None and kind != self.kind:
                raise ValueError(
                    f"{name}={value!r} is for kind={kind!r}, but kind is "
                    f"{self.kind!r}; leave {name} at None, or set kind={kind!r}"
                )
        check_choice("rule", self.rule, (*RULES, None))
        check_choice("update", self.update, (*UPDATES, None))
        if self.threshold is not None:
            check_real("threshold", self.threshold, low=-math.inf, open_low=True)
        if self.beta is not None:
            check_real("beta", self.beta, low=0.0, open_low=True)
        if self.tol is not None:
            check_real("tol", self.tol, low=0.0)
        check_integer("max_iter", self.max_iter, low=1)

    def _choose_rule(self):
        return (self.rule or RULES[0]) if self.kind == "classic" else None

    def _check_unchanged(self, rule):
        if rule != self.rule_:
            before, now = (r or "of the modern kind" for r in (self.rule_, rule))
            raise ValueError(
                f"the rule of the patterns stored is {before}, but is {now} now; call "
                "fit to begin anew, or set kind and rule back"
            )

    def _admit_states(self, X):
        check_is_fitted(self)
        self._check_params()
        self._check_unchanged(self._choose_rule())
        return self._admit(X, reset=False)

    def _admit(self, X, reset):
        """Return rows as floats, in a classic memory as -1.0 and +1.0.

        Columns that a frame labels with no texts may come in another order than in
        `fit`: they go into that of `fit`. Texts are scikit-learn's to refuse.
        """
        X = match_table(self, X, reset=reset)
        values = validate_data(self, X, dtype=np.float64, reset=reset)
        if self.kind == "modern":
            return values
        if self.threshold is not None:
            return np.where(values > self.threshold, 1.0, -1.0)
        others = np.argwhere(np.abs(values) != 1.0)
        if len(others):
            row, column = others[0]
            raise ValueError(
                f"kind='classic' takes values of -1 and +1, but row {row}, column "
                f"{column} of X is {values[row, column]:g}; set threshold to have "
                "values above it turned into +1 and all others into -1, or "
                "kind='modern' to store any numbers"
            )
        return values
