"""How other libraries train what `training.py` compares; each needs to be installed.

None of them trains quite the network of the others: darts and neuralforecast put their
own layers behind the recurrent one, gluonts has LSTM alone, predicts a distribution and
runs on through the horizon, as pytorch-forecasting does. gluonts, neuralforecast and
pytorch-forecasting read several columns as as many series, so their batches hold a
window of each column. Units, windows, batches and steps are the same.
"""

import logging
import tempfile

import numpy as np
import torch


def quiet_trainer(**options):
    for name in ("lightning.pytorch", "pytorch_lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return {
        "accelerator": "cpu",
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
        "logger": False,
        "gradient_clip_val": 1.0,
        **options,
    }


def one_column(table):
    """Return a long table with one row for each value of each series' columns."""
    table = table.melt(["id", "time"], value_name="y")
    table["unique_id"] = table["id"] + table["variable"]
    return table[["unique_id", "time", "y"]].rename(columns={"time": "ds"})


def darts(table, setting, size, n_epochs):
    from darts import TimeSeries
    from darts.models import BlockRNNModel

    columns = [name for name in table if name.startswith("y")]
    series = [
        TimeSeries.from_values(one[columns].to_numpy(np.float32))
        for _, one in table.groupby("id")
    ]
    BlockRNNModel(
        setting.window,
        setting.horizon,
        model=setting.cell.upper(),
        hidden_dim=setting.hidden,
        n_rnn_layers=1,
        batch_size=setting.batch,
        n_epochs=n_epochs,
        optimizer_cls=torch.optim.AdamW,
        optimizer_kwargs={"lr": setting.lr},
        random_state=0,
        pl_trainer_kwargs=quiet_trainer(limit_train_batches=setting.n_batches(size)),
    ).fit(series)


def neuralforecast(table, setting, size, n_epochs):
    from neuralforecast import NeuralForecast
    from neuralforecast.models import GRU, LSTM

    model = {"lstm": LSTM, "gru": GRU}[setting.cell](
        h=setting.horizon,
        input_size=setting.window,
        encoder_n_layers=1,
        encoder_hidden_size=setting.hidden,
        decoder_hidden_size=setting.hidden,
        decoder_layers=1,
        recurrent=False,
        max_steps=n_epochs * setting.n_batches(size),
        learning_rate=setting.lr,
        batch_size=min(setting.series * setting.channels, 32),
        windows_batch_size=setting.batch * setting.channels,
        random_seed=0,
        **quiet_trainer(),
    )
    NeuralForecast([model], freq="h").fit(one_column(table))


def pytorch_forecasting(table, setting, size, n_epochs):
    from lightning.pytorch import Trainer
    from pytorch_forecasting import RecurrentNetwork, TimeSeriesDataSet

    table = one_column(table)
    table["step"] = table.groupby("unique_id").cumcount()
    windows = TimeSeriesDataSet(
        table.drop(columns="ds"),
        time_idx="step",
        target="y",
        group_ids=["unique_id"],
        max_encoder_length=setting.window,
        max_prediction_length=setting.horizon,
        time_varying_unknown_reals=["y"],
    )
    model = RecurrentNetwork.from_dataset(
        windows,
        cell_type=setting.cell.upper(),
        hidden_size=setting.hidden,
        rnn_layers=1,
        dropout=0.0,
        learning_rate=setting.lr,
        optimizer="adamw",
    )
    batches = windows.to_dataloader(
        train=True, batch_size=setting.batch * setting.channels, num_workers=0
    )
    options = quiet_trainer(limit_train_batches=setting.n_batches(size))
    Trainer(max_epochs=n_epochs, **options).fit(model, batches)


def gluonts(table, setting, size, n_epochs):
    from gluonts.dataset.pandas import PandasDataset
    from gluonts.torch import DeepAREstimator

    data = PandasDataset.from_long_dataframe(
        one_column(table), target="y", item_id="unique_id", timestamp="ds", freq="h"
    )
    estimator = DeepAREstimator(
        freq="h",
        prediction_length=setting.horizon,
        context_length=setting.window,
        num_layers=1,
        hidden_size=setting.hidden,
        lr=setting.lr,
        dropout_rate=0.0,
        lags_seq=[1],
        time_features=[],
        batch_size=setting.batch * setting.channels,
        num_batches_per_epoch=setting.n_batches(size),
    )
    with tempfile.TemporaryDirectory() as folder:  # it cannot do without checkpoints
        estimator.trainer_kwargs |= quiet_trainer(
            max_epochs=n_epochs, enable_checkpointing=True, default_root_dir=folder
        )
        estimator.train(data, cache_data=True)


LIBRARIES = {
    "neuralforecast": neuralforecast,
    "darts": darts,
    "pytorch_forecasting": pytorch_forecasting,
    "gluonts": gluonts,
}
