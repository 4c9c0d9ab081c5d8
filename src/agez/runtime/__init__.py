"""Processes, locks, downloads, compiled kernels and files that appear whole: what work of any kind stands on."""
