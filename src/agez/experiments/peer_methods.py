"""Ensembles of decision trees that learn ages and metallicities from SEDs: what a reader would try first.

- random forest: Breiman 2001, Machine Learning 45, 5; scikit-learn (Pedregosa et al. 2011, JMLR 12, 2825); one forest
  for both targets.  It learns from training and validation rows together: it has nothing to stop early.
- gradient boosting: scikit-learn's histogram trees; a fixed number of rounds, so training and validation rows together.
- LightGBM: Ke et al. 2017, NeurIPS 30, 3146; learns from the training rows, and the validation rows say when to stop.

A task is one method on one fold, on one thread: numbers do not depend on how many tasks are done at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from agez.errors import AgezError
from agez.runtime.optional_packages import need
from agez.types import Floats


@dataclass(frozen=True)
class TreeSizes:
    """How large the ensembles are."""

    #: forest_trees, boosting_rounds: Trees of the random forest, and of scikit-learn's gradient boosting.
    forest_trees: int = 30
    boosting_rounds: int = 300
    lightgbm_rounds: int = 1000  #: Of LightGBM, at most.


@dataclass(frozen=True, eq=False)
class TreeTask:
    """One method on one fold: normalised SEDs (k, b) and labels in units of their spread (k, 2)."""

    method: str
    set_name: str
    fold: int
    train: Floats
    train_labels: Floats
    validation: Floats
    validation_labels: Floats
    test: Floats
    sizes: TreeSizes
    seed: int


@dataclass(frozen=True, eq=False)
class TreeAnswer:
    """Predicted labels (k, 2) of a task's test rows in the task's units, and processor seconds of one core."""

    predicted: Floats
    seconds_to_train: float
    seconds_to_predict: float


#: What a trained ensemble says of SEDs (k, b): labels (k, 2).
_Predictor = Callable[[Floats], Floats]


def run_task(task: TreeTask) -> TreeAnswer:
    """Train and predict, on one thread."""
    with threadpool_limits(1):
        start = time.thread_time()
        predict = METHODS[task.method].train(task)
        trained = time.thread_time()
        predicted = predict(task.test)
        return TreeAnswer(predicted, trained - start, time.thread_time() - trained)


def _random_forest(task: TreeTask) -> _Predictor:
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(
        n_estimators=task.sizes.forest_trees,
        min_samples_leaf=3,
        max_features=1 / 3,  # of the bands, at each division of a tree
        random_state=task.seed,
        n_jobs=1,
    )
    forest.fit(*_all_rows(task))
    return lambda inputs: np.asarray(forest.predict(inputs))


def _gradient_boosting(task: TreeTask) -> _Predictor:
    from sklearn.ensemble import HistGradientBoostingRegressor

    inputs, labels = _all_rows(task)
    models = [
        HistGradientBoostingRegressor(
            max_iter=task.sizes.boosting_rounds,
            max_leaf_nodes=15,
            learning_rate=0.1,
            max_features=0.5,
            early_stopping=False,
            random_state=task.seed,
        ).fit(inputs, labels[:, k])
        for k in range(labels.shape[1])
    ]
    return lambda inputs: np.stack([model.predict(inputs) for model in models], axis=1)


def _lightgbm(task: TreeTask) -> _Predictor:
    import lightgbm

    settings: dict[str, Any] = {
        "objective": "l2", "learning_rate": 0.1, "num_leaves": 8,
        "bagging_fraction": 0.7, "bagging_freq": 1, "feature_fraction": 0.5, "seed": task.seed,
        "num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1,
    }  # fmt: skip
    models = []
    for k in range(task.train_labels.shape[1]):
        train = lightgbm.Dataset(task.train, task.train_labels[:, k])
        watched = lightgbm.Dataset(task.validation, task.validation_labels[:, k], reference=train)
        stop = lightgbm.early_stopping(30, verbose=False)
        rounds = task.sizes.lightgbm_rounds
        models.append(lightgbm.train(settings, train, rounds, valid_sets=[watched], callbacks=[stop]))
    return lambda inputs: np.stack([np.asarray(model.predict(inputs)) for model in models], axis=1)


def _all_rows(task: TreeTask) -> tuple[Floats, Floats]:
    """Training and validation rows together."""
    return np.concatenate([task.train, task.validation]), np.concatenate([task.train_labels, task.validation_labels])


@dataclass(frozen=True)
class TreeMethod:
    """A method: how it is called in a table, what it learns from, what it needs, and how it is trained."""

    title: str
    learns_from: str
    module: str
    train: Callable[[TreeTask], _Predictor]


METHODS = {
    "random_forest": TreeMethod(
        "random forest (scikit-learn)", "training and validation rows", "sklearn", _random_forest
    ),
    "gradient_boosting": TreeMethod(
        "gradient boosting (scikit-learn)", "training and validation rows", "sklearn", _gradient_boosting
    ),
    "lightgbm": TreeMethod(
        "gradient boosting (LightGBM)", "training rows, stopped by validation rows", "lightgbm", _lightgbm
    ),
}


def why_not(name: str) -> str | None:
    """Why a method cannot be run here, with what to do; None if it can."""
    method = METHODS[name]
    try:
        need(method.module, extra="peers", purpose=method.title)
    except AgezError as error:
        return str(error)
    return None
