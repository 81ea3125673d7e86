"""doge-replay: a replay-based differential fuzzer for two cores of one trading bot."""

__version__ = "0.1.0"
