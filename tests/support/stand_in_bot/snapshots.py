"""State on disk: JSON for people, pickle for the restart."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pickle

import state_machine


def as_json(state):
    assert isinstance(state, state_machine.PairState), type(state)
    return json.dumps(dataclasses.asdict(state), sort_keys=True)


def state_hash(states):
    digest = hashlib.sha256()
    for number in sorted(states):
        digest.update(f"{number} {as_json(states[number])}\n".encode())
    return digest.hexdigest()


def save(folder, number, state):
    os.makedirs(folder, exist_ok=True)
    for suffix, data in ((".json", as_json(state).encode()), (".pickle", pickle.dumps(state))):
        path = os.path.join(folder, f"slot{number}{suffix}")
        with open(path + ".new", "wb") as f:
            f.write(data)
        os.replace(path + ".new", path)


def load(folder, number):
    with open(os.path.join(folder, f"slot{number}.pickle"), "rb") as f:
        state = pickle.load(f)
    assert type(state) is state_machine.PairState
    return state
