"""Forecasting: the estimator that continues series, and all that it alone needs."""
