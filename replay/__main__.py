"""`python -m replay` is `doge-replay`."""

from replay.cli.main import main

if __name__ == "__main__":
    main()
