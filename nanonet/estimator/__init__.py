"""Networks as scikit-learn's estimators (extra ``sklearn``).

Import `NetRegressor` and `NetClassifier` from ``nanonet.estimator``: they need
scikit-learn, which ``import nanonet`` does not load.
"""

from nanonet.estimator.classifier import NetClassifier
from nanonet.estimator.regressor import NetRegressor

__all__ = ["NetClassifier", "NetRegressor"]
