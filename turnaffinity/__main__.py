"""`python -m turnaffinity` is the command `turnaffinity`."""

from turnaffinity.cli.main import main

if __name__ == "__main__":
    main()
