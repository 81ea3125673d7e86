"""Finds out why a shadow differs, and checks what is claimed about it by running it."""
