"""`python -m convreport` is the command `convreport`."""

from convreport.cli import main

if __name__ == "__main__":
    main()
