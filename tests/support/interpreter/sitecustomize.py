"""Plants a fault of our own into every process of a run: what a bug in doge-replay would do.

On the path of a run by PYTHONPATH. PLANTED_FAULT says what happens in about one unit of 25, always
the same ones: it `raises` or `dies`; or it `kills its parent`, in one of 40.
"""

import os
import signal

if os.environ.get("PLANTED_FAULT"):
    from replay.fuzzing import campaign_units

    _open_plan = campaign_units.open_plan  # type: ignore[attr-defined]
    _opened = 0

    def _faulty(plan):  # type: ignore[no-untyped-def]
        if os.environ["PLANTED_FAULT"] == "kills its parent":
            if plan.seed % 40 == 7:
                os.kill(os.getppid(), signal.SIGKILL)
        elif plan.seed % 25 == 7:
            if os.environ["PLANTED_FAULT"] == "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            raise KeyError("planted")
        return _open_plan(plan)

    campaign_units.open_plan = _faulty  # type: ignore[attr-defined]
