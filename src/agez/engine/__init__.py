"""A model on a whole catalogue: one process, a local cluster or a remote one, resumed after an interruption."""
