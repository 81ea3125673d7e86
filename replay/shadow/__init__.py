"""The live shadow path: the adapter around a bot's state machine, its recorder, and a paper bot."""

from replay.shadow.adapter import ShadowAdapter, wrap
from replay.shadow.options import Backend, ShadowOptions

__all__ = ["Backend", "ShadowAdapter", "ShadowOptions", "wrap"]
