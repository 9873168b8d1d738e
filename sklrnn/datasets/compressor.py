"""The hourly sensors of a gas compressor, bundled as compressed numpy arrays."""

from importlib.resources import files

import numpy as np
import pandas as pd

COLUMNS = (
    "suction_pressure",
    "discharge_pressure",
    "cooling_supply_temperature",
    "cooler_differential_pressure",
    "cooling_out_pressure",
    "suction_temperature",
    "discharge_temperature",
)

# Column -> unit, where the source states one.
UNITS = {
    "suction_pressure": "bar",
    "discharge_pressure": "bar",
    "suction_temperature": "degC",
    "discharge_temperature": "degC",
}


def load_compressor(*, regular: bool = False) -> pd.DataFrame:
    """Load ten years of hourly sensors of an offshore gas compressor.

    Seven sensors around the first-stage compressor of an oil and gas platform,
    2013-01-01 00:00 to 2023-08-30 12:00, as they were recorded: with missing
    values, shutdowns (pressures near 0), a slowly drifting cooler, and an
    oscillating regime in 2018 and 2019. The source does not state the units in
    parentheses; the others are those of `sklrnn.datasets.compressor.UNITS`.

    ============================  =========  =========  =======================
    column                        source id  unit       missing
    ============================  =========  =========  =======================
    suction_pressure              pi_160696  bar        4.0 %, one gap of
                                                        1201 rows
    discharge_pressure            pi_160702  bar        1.7 %
    cooling_supply_temperature    pi_163657  (degC)     0.05 %
    cooler_differential_pressure  pi_160633  (bar)      0.2 %
    cooling_out_pressure          pi_163582  (bar)      0.9 %
    suction_temperature           pi_160781  degC       0.06 %
    discharge_temperature         pi_191092  degC       45.6 %, recorded
                                                        2017-08 to 2023-05 only
    ============================  =========  =========  =======================

    Parameters
    ----------
    regular : bool, default=False
        Whether to return every hour from the first to the last. By default the
        rows are those of the source, of which 27 follow the row before them by more
        than an hour (2 hours to 19 days); with ``regular=True`` the hours
        between are rows without any value.

    Returns
    -------
    compressor : DataFrame of shape (92277, 7), or (93445, 7) if ``regular``
        The sensors as float32, NaN where a value is missing. The index, named
        ``"time"``, is a DatetimeIndex of hours without a time zone, as in the
        source, and has the frequency ``"h"`` if ``regular`` (none otherwise). Every
        call returns a new table.

    Notes
    -----
    The values are those of the Open Industrial Data example in the wheel
    ``cognite-toolkit`` 0.1.2 on PyPI, which shifts the timestamps. Its terms of use
    lie beside the data in ``sklrnn/datasets/data/TERMS.pdf``. They give a
    perpetual, royalty-free right to use, modify and transfer the data. Neither
    the data nor results based on them may be attributed to the licensor or the data
    contributors, or presented as endorsed by them.

    Examples
    --------
    >>> from sklrnn.datasets import load_compressor
    >>> compressor = load_compressor()
    >>> compressor.shape
    (92277, 7)
    >>> compressor["discharge_pressure"].loc["2016-03-01 00:00":"2016-03-01 02:00"]
    time
    2016-03-01 00:00:00    10.901317
    2016-03-01 01:00:00    10.864765
    2016-03-01 02:00:00    10.977274
    Name: discharge_pressure, dtype: float32
    >>> load_compressor(regular=True).index.freqstr
    'h'
    """
    with (
        files("sklrnn.datasets").joinpath("data/compressor.npz").open("rb") as file,
        np.load(file) as arrays,
    ):
        # The first step counts the hours from 1970, the others from the row before.
        hours = arrays["steps"].cumsum(dtype=np.int64)
        # (columns, bytes, rows): like bytes of a column stand together, which
        # makes the archive a third smaller than whole floats in a row would.
        columns, _, rows = arrays["planes"].shape
        values = arrays["planes"].transpose(2, 0, 1).copy().view("<f4")
    time = pd.DatetimeIndex(
        hours.astype("datetime64[h]").astype("datetime64[ns]"), name="time"
    )
    table = pd.DataFrame(
        values.reshape(rows, columns).astype(np.float32, copy=False),
        index=time,
        columns=list(COLUMNS),
    )
    return table.asfreq("h") if regular else table
