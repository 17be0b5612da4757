"""`python -m tcmbench` is the command line."""

from tcmbench.cli import main

if __name__ == "__main__":
    main()
