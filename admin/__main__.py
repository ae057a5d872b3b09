"""`python -m admin` is the command `gateway`."""

from admin.cli import main

if __name__ == "__main__":
    main()
