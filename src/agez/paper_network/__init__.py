"""The convolutional networks of the paper, self-contained: training, search, cross-validation, answers."""
