"""Telemetry of a shadow run, the verdict on it, and the evidence for it."""
