"""The bot: python bot.py ROUNDS [stay]. Prints the hash of all states behind that many rounds of
each slot; with `stay` it then goes on until SIGTERM."""

from __future__ import annotations

import logging
import os
import signal
import sys

import snapshots
from engine import Engine
from status import serve


def main():
    logging.basicConfig(level=os.environ.get("LOG", "INFO"), stream=sys.stderr)
    rounds, stays = int(sys.argv[1]), "stay" in sys.argv[2:]
    reached = {}

    def on_round(slot):
        if slot.rounds % 20 == 0:
            snapshots.save("state", slot.number, slot.state)
        if slot.rounds == rounds:
            reached[slot.number] = slot.state
            if len(reached) == 6:
                print(snapshots.state_hash(reached), flush=True)

    engine = Engine(None if stays else rounds, float(os.environ.get("PAUSE", "0.01")), on_round)
    signal.signal(signal.SIGTERM, lambda *_: engine.stop())
    server = serve(engine, int(os.environ["PORT"])) if "PORT" in os.environ else None
    engine.run()
    if server:
        server.shutdown()
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
