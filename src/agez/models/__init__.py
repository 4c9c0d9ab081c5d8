"""Models: one interface, the model file, the model card, and the files of the shipped models."""
