"""Streams of events: what they are, how files are read as such, and the corpus that keeps them."""
