"""What other programs call the settings of a config."""

from __future__ import annotations

OTHER_NAMES = {
    "name": ("run_name", "experiment", "experiment_name", "title"),
    "seed": ("random_state", "random_seed", "rng", "manual_seed"),
    "dataset": ("data", "data_set", "datasets"),
    "path": ("data_path", "dataset_path", "file", "filename", "file_name", "folder", "root"),
    "test_path": ("test_data", "test_file", "path_test"),
    "target": ("label", "labels", "label_column", "target_column", "class_column", "y", "y_col"),
    "features": ("columns", "feature_columns", "feature_names", "inputs", "x", "x_cols"),
    "categorical": ("categorical_columns", "categorical_features", "cat_features", "categories"),
    "missing": ("impute", "imputation", "imputer", "fillna", "na"),
    "weights": ("sample_weight", "sample_weights", "weight", "weight_column"),
    "classes": ("class_names", "target_names", "label_names"),
    "n_classes": ("num_classes", "number_of_classes"),
    "scale": ("scaling", "scaler", "normalization", "normalisation", "normalize", "normalise"),
    "samples": ("n_samples", "num_samples", "subset", "max_samples"),
    "validation": ("val", "valid", "dev", "validation_split", "val_split", "val_size"),
    "test": ("test_size", "test_split"),
    "size": ("image_size", "img_size", "imgsz", "target_size", "image_shape", "input_size"),
    "color": ("color_mode", "colour", "grayscale", "channels"),
    "hidden": (
        *("hidden_layers", "hidden_layer_sizes", "hidden_sizes", "hidden_size", "hidden_units"),
        *("layers", "units", "neurons", "n_hidden", "hidden_dims"),
    ),
    "activation": ("activation_function", "activations", "act", "nonlinearity"),
    "dropout": ("dropout_rate", "drop", "drop_rate", "p_dropout"),
    "batch_norm": ("batch_normalization", "batch_normalisation", "bn", "use_batch_norm"),
    "l2": ("l2_reg", "l2_regularization", "kernel_regularizer", "regularization", "regularizer"),
    "optimizer": ("optim", "optimiser", "solver", "opt"),
    "learning_rate": (
        *("lr", "eta", "step_size", "learning_rate_init", "lr0", "base_lr"),
        *("lr_schedule", "lr_scheduler", "scheduler", "learning_rate_schedule"),
    ),
    "loss": ("criterion", "loss_function", "loss_fn", "objective", "cost"),
    "metrics": ("metric", "scoring", "score", "scores"),
    "epochs": ("epoch", "n_epochs", "num_epochs", "max_epochs", "num_train_epochs", "max_iter"),
    "batch_size": ("batch", "bs", "batchsize", "mini_batch_size", "minibatch_size", "n_batch"),
    "steps_per_epoch": ("limit_train_batches", "max_steps", "steps"),
    "class_weight": ("class_weights", "classes_weight"),
    "early_stopping": ("early_stop", "earlystopping", "es"),
    "reduce_on_plateau": ("reduce_lr", "reduce_lr_on_plateau", "reducelronplateau", "plateau"),
    "min_learning_rate": ("min_lr",),
    "min_delta": ("min_improvement", "tol"),
    "save_best": (
        "restore_best",
        "restore_best_weights",
        "save_best_only",
        "best_metric",
        "checkpoint_metric",
    ),
    "epsilon": ("eps",),
    "beta_1": ("beta1", "betas"),
    "beta_2": ("beta2",),
    "threshold": ("decision_threshold", "cutoff", "cut_off"),
}
"""By setting: names that Keras, scikit-learn, PyTorch and others have for it."""

OPTIONS = {
    **dict.fromkeys(("device", "accelerator", "gpu", "gpus", "use_gpu"), "--device"),
    **dict.fromkeys(("out", "output", "outputs", "output_dir", "out_dir", "save_dir"), "--out"),
    **dict.fromkeys(("verbose", "quiet"), "--quiet"),
    **dict.fromkeys(("resume", "resume_from"), "--resume"),
}
"""What is no setting, but an option of `mtrain fit`."""


def letters(name: str) -> str:
    """A name without case and separators, as names are compared."""
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


_BY_LETTERS = {letters(other): name for name, others in OTHER_NAMES.items() for other in others}


def setting_called(name: str) -> str | None:
    """The setting that other programs call `name`, in any case; None if no setting is."""
    return _BY_LETTERS.get(letters(name))


def option_called(name: str) -> str | None:
    """The option of `mtrain fit` for what other programs set by `name`; None if no option does."""
    return next(
        (option for other, option in OPTIONS.items() if letters(other) == letters(name)), None
    )
