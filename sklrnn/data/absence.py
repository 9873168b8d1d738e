"""Absence diffusion: entries removed in training as sensors lose them in use."""

from __future__ import annotations

import numpy as np

from sklrnn.data.gaps import find_gaps

PATTERNS = ("mixed", "point", "block", "channel", "observed")
_FEWEST_GAPS = 5
"""Fewer gaps than this say little about how data goes missing."""


class AbsenceDiffusion:
    r"""A corruption of the observation mask, from scattered points to long blocks.

    At level s in [0, 1] absence starts at random entries and spreads from each to the
    steps that follow it. With the largest `rate` r and the longest `spread` L, the
    share of entries removed and the longest run are

    .. math:: p(s) = r s, \qquad \ell(s) = 1 + s (L - 1)

    A run's length is uniform from 1 to l(s). Runs start with the density that removes
    the share p(s), overlaps reckoned in: :math:`-\log(1 - p(s))` over the mean number
    of entries that a run takes. What kind of runs they are is the `pattern`:

    - "point": every entry on its own, l(s) = 1 at any level;
    - "block": runs in one column;
    - "channel": a run spreads to every other column with probability s, too;
    - "observed": runs of the lengths, and in the columns at once, of the `gaps` that
      the data itself shows, cut at l(s); nothing goes missing in other columns;
    - "mixed": in half of all stretches "point", in the others each of the remaining
      patterns alike ("observed" where there are at least 5 gaps).

    Parameters
    ----------
    pattern : {"mixed", "point", "block", "channel", "observed"}
    rate : float
        Share of entries removed at level 1, above 0 and below 1.
    spread : int
        Longest run at level 1, in steps.
    gaps : ndarray of shape (n_gaps, n_columns), int
        As `find_joint_gaps` returns them.

    Raises
    ------
    ValueError
        If `pattern` is "observed" and there are no gaps.

    Notes
    -----
    The name is that of the source of this project ("difusão de ausência"), which does
    not define it; the definition is ours.

    Examples
    --------
    >>> import numpy as np
    >>> from sklrnn.data.absence import AbsenceDiffusion
    >>> diffusion = AbsenceDiffusion("block", rate=0.5, spread=24)
    >>> levels = np.repeat([0.1, 1.0], 5000)
    >>> removed = diffusion.draw(levels, 3, np.random.default_rng(0))
    >>> [round(float(half.mean()), 2) for half in np.split(removed, 2)]
    [0.05, 0.47]
    """

    def __init__(
        self,
        pattern: str = "mixed",
        rate: float = 0.5,
        spread: int = 24,
        gaps: np.ndarray | None = None,
    ) -> None:
        self.rate = rate
        self.spread = spread
        self.gaps = np.empty((0, 0), dtype=np.int64) if gaps is None else gaps
        if pattern == "observed" and len(self.gaps) == 0:
            raise ValueError(
                "absence_pattern is 'observed', but the data has no gaps to learn "
                "from; choose 'mixed', 'point', 'block' or 'channel'"
            )
        self.patterns = [pattern]
        if pattern == "mixed":
            others = ["block", "channel"]
            if len(self.gaps) >= _FEWEST_GAPS:
                others.append("observed")
            self.patterns = ["point"] * len(others) + others

    def draw(
        self, levels: np.ndarray, n_columns: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Draw what goes missing.

        Parameters
        ----------
        levels : ndarray of shape (n_steps,)
            Level s of every step; a stretch of equal levels is of one pattern.
        n_columns : int
        rng : numpy.random.Generator

        Returns
        -------
        removed : ndarray of shape (n_steps, n_columns), bool
        """
        borders = np.flatnonzero(np.diff(levels)) + 1
        stretch = np.zeros(len(levels), dtype=np.int64)
        stretch[borders] = 1
        stretch = np.cumsum(stretch)
        kinds = rng.integers(len(self.patterns), size=len(borders) + 1)[stretch]
        removed = np.zeros((len(levels), n_columns), dtype=bool)
        for number, pattern in enumerate(self.patterns):
            rows = np.flatnonzero(kinds == number)
            if len(rows):
                self._remove(pattern, rows, levels, removed, rng)
        return removed

    def _remove(
        self,
        pattern: str,
        rows: np.ndarray,
        levels: np.ndarray,
        removed: np.ndarray,
        rng: np.random.Generator,
    ) -> None:
        s, n_columns = levels[rows], removed.shape[1]
        share = self.rate * s
        if pattern == "point":
            removed[rows] |= rng.random((len(rows), n_columns)) < share[:, None]
            return
        longest = 1.0 + s * (self.spread - 1)
        n_open = n_columns
        if pattern == "observed":
            n_open = int(self.gaps.any(axis=0).sum())  # others have no gaps to copy
        density = -np.log1p(-share) * n_open
        density = density / self._taken(pattern, s, longest, n_columns)
        starts = np.repeat(np.arange(len(rows)), rng.poisson(density))
        top = np.floor(longest[starts]).astype(np.int64)
        if pattern == "observed":
            drawn = rng.integers(len(self.gaps), size=len(starts))
            lengths = np.minimum(self.gaps[drawn], top[:, None])
        else:
            length = rng.integers(1, top + 1)
            column = rng.integers(n_columns, size=len(starts))
            taken = np.arange(n_columns) == column[:, None]
            if pattern == "channel":
                taken |= rng.random(taken.shape) < s[starts, None]
            lengths = np.where(taken, length[:, None], 0)
        # The stretches of a pattern follow one another here, and so may its runs.
        removed[rows] |= _covered(starts, lengths, len(rows))

    def _taken(
        self, pattern: str, s: np.ndarray, longest: np.ndarray, n_columns: int
    ) -> np.ndarray:
        """Return how many entries a run takes on average."""
        if pattern == "observed":
            # At a few levels, for there may be as many levels as steps.
            grid = np.linspace(1.0, self.spread, 33)
            mean = [np.minimum(self.gaps, top).sum(axis=1).mean() for top in grid]
            return np.interp(longest, grid, mean)
        steps = (np.floor(longest) + 1.0) / 2.0
        return steps * (1.0 + s * (n_columns - 1)) if pattern == "channel" else steps


def find_joint_gaps(observed: np.ndarray) -> np.ndarray:
    """Find the gaps of a table, those that begin in one row together.

    Parameters
    ----------
    observed : ndarray of shape (n_steps, n_columns), bool

    Returns
    -------
    gaps : ndarray of shape (n_gaps, n_columns), int64
        How many steps each column is missing from there; 0 where its gap does not
        begin in that row.

    Examples
    --------
    >>> import numpy as np
    >>> table = np.array([[1, 1], [0, 0], [0, 1], [1, 1], [1, 0]], dtype=bool)
    >>> find_joint_gaps(table)
    array([[2, 1],
           [0, 1]])
    """
    lengths = np.zeros(observed.shape, dtype=np.int64)
    for column in range(observed.shape[1]):
        starts, ends = find_gaps(~observed[:, column]).T
        lengths[starts, column] = ends - starts
    return lengths[lengths.any(axis=1)]


def draw_levels(
    n_steps: int, stretch: int, ceiling: float, rng: np.random.Generator
) -> np.ndarray:
    """Draw a level for every stretch of steps, uniform from 0 to a ceiling.

    Returns
    -------
    levels : ndarray of shape (n_steps,)
    """
    drawn = ceiling * rng.random(n_steps // stretch + 2)
    # The first stretch is cut anywhere, so that no step is always at a border.
    first = rng.integers(stretch)
    return np.repeat(drawn, stretch)[first : first + n_steps]


def _covered(starts: np.ndarray, lengths: np.ndarray, n_steps: int) -> np.ndarray:
    """Tell which entries are covered by runs, (n_steps, n_columns)."""
    n_columns = lengths.shape[1]
    run, column = np.nonzero(lengths)
    first = starts[run]
    last = np.minimum(first + lengths[run, column], n_steps)
    size = (n_steps + 1) * n_columns
    change = np.bincount(first * n_columns + column, minlength=size)
    change = change - np.bincount(last * n_columns + column, minlength=size)
    return change.reshape(-1, n_columns)[:n_steps].cumsum(axis=0) > 0
