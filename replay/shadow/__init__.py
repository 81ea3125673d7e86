"""The live shadow path: the adapter around a bot's state machine, its recorder, and a paper bot."""
