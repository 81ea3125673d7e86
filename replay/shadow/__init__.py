"""Inside a live bot: the adapter around its state machine, what compares, the recorder.

Nothing here may slow, block or change the bot, nor import more than msgpack. Begin with
`adapter.py`.
"""

from replay.shadow.adapter import ShadowAdapter, wrap
from replay.shadow.options import Backend, ShadowOptions

__all__ = ["Backend", "ShadowAdapter", "ShadowOptions", "wrap"]
