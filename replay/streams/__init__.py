"""Streams of events: what they are, how they are read from files, and the corpus that keeps them."""
