"""Runs any System: chunks, progress, metrics, checkpoints, resume."""
