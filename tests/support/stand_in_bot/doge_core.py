"""Phase 2 adapter: the reducer, and the executable beside it. Blocks; to be replaced."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time

import state_machine as _sm
from state_machine import *  # noqa: F403

_lock = threading.Lock()
_metrics = {
    "enabled": False, "executable_available": False, "transition_checks": 0,
    "invariant_checks": 0, "transition_divergences": 0, "invariant_divergences": 0,
    "total_divergences": 0, "shadow_failures": 0, "last_divergence_ts": None,
    "last_divergence_kind": None, "last_divergence_event": None, "last_shadow_error": None,
}  # fmt: skip


def _is_on():
    return os.environ.get("DOGE_CORE_SHADOW", "") in ("1", "true")


def _ask(request):
    exe = os.environ.get("DOGE_CORE_EXE", "doge-core-exe")
    done = subprocess.run([exe], input=json.dumps(request), capture_output=True, text=True,
                          timeout=float(os.environ.get("DOGE_CORE_TIMEOUT_SEC", "5")))  # fmt: skip
    return json.loads(done.stdout)


def transition(state, event, cfg, order_size_usd, order_sizes=None):
    result = _sm.transition(state, event, cfg, order_size_usd, order_sizes)
    return result


def check_invariants(s):
    found = _sm.check_invariants(s)
    if _is_on():
        try:
            theirs = _ask({"method": "check_invariants", "state": _sm.to_dict(s)})["violations"]
            with _lock:
                _metrics["invariant_checks"] += 1
                if theirs != list(found):
                    _metrics["invariant_divergences"] += 1
                    _metrics["total_divergences"] += 1
                    _metrics["last_divergence_ts"] = time.time()
        except Exception as e:
            with _lock:
                _metrics["shadow_failures"] += 1
                _metrics["last_shadow_error"] = str(e)
    return found


def get_shadow_metrics():
    with _lock:
        return dict(_metrics, enabled=_is_on())


def reset_shadow_metrics():
    with _lock:
        for k, v in _metrics.items():
            _metrics[k] = 0 if type(v) is int else v
