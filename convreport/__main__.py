"""`python -m convreport` is the command `convreport`."""

from convreport.cli.app import main

if __name__ == "__main__":
    main()
