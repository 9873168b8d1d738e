"""Imputation: the estimator that fills gaps, and all that it alone needs."""
