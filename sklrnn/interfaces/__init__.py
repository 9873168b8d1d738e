"""What scikit-learn and sktime ask of an estimator, whatever it learns."""
