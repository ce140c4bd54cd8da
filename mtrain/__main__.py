"""`python -m mtrain` is the same program as `mtrain`."""

from mtrain.cli.main import main

if __name__ == "__main__":
    main()
