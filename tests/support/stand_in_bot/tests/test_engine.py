import dataclasses
import os
import sys
import unittest
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import engine
from backtest import backtest
from engine import Engine, Slot, sm
from snapshots import state_hash
from state_machine import PairState, TimerTick, transition


class EngineTest(unittest.TestCase):
    def test_threads_tasks_and_backtest_agree(self):
        e = Engine(25, 0.0)
        e.run()
        self.assertEqual(state_hash({s.number: s.state for s in e.slots}), state_hash(backtest(25)))
        self.assertEqual([s.warnings for s in e.slots], [[]] * 6)

    def test_states_are_the_reducers(self):
        slot = Slot(1)
        slot.round()
        self.assertIsInstance(slot.state, PairState)
        self.assertIs(type(slot.state), sm.PairState)

    def test_frozen(self):
        with self.assertRaises(dataclasses.FrozenInstanceError):
            Slot(0).state.now = 1.0

    def test_a_mocked_reducer_is_used(self):
        slot = Slot(2)
        with mock.patch.object(engine.sm, "transition", return_value=(slot.state, ())) as fake:
            slot.round()
        self.assertGreaterEqual(fake.call_count, 2)

    def test_what_it_refuses_comes_through(self):
        with self.assertRaises(TypeError):
            sm.transition(Slot(0).state)
        with self.assertRaises(AttributeError):
            sm.transition(Slot(0).state, object(), engine.CFG, 2.0)

    def test_direct_and_through_the_adapter(self):
        state = Slot(3).state
        event = TimerTick(state.now + 5)
        self.assertEqual(
            transition(state, event, engine.CFG, 2.0), sm.transition(state, event, engine.CFG, 2.0)
        )
