"""GET /api/status, as the dashboard and the runbook ask for it."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import doge_core


def payload(engine):
    return {
        "mode": "paper",
        "pair": "DOGE/USD",
        "top_phase": doge_core.derive_phase(engine.slots[0].state),
        "slots": [
            {"slot": s.number, "rounds": s.rounds, "profit": s.state.total_profit}
            for s in engine.slots
        ],
        "state_machine_shadow": doge_core.get_shadow_metrics(),
    }


def serve(engine, port):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path == "/api/status"
            body = json.dumps(payload(engine)).encode() if found else b"{}"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
