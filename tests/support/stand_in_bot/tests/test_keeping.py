import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import snapshots
import status
from engine import Engine


class KeepingTest(unittest.TestCase):
    def test_a_restart_gets_what_was_saved(self):
        e = Engine(10, 0.0)
        e.run()
        with tempfile.TemporaryDirectory() as folder:
            for slot in e.slots:
                snapshots.save(folder, slot.number, slot.state)
                self.assertEqual(snapshots.load(folder, slot.number), slot.state)

    def test_status_has_the_shadow(self):
        found = status.payload(Engine(0, 0.0))
        self.assertIn("enabled", found["state_machine_shadow"])
        self.assertIn(found["top_phase"], ("S0", "S1a", "S1b", "S2"))
