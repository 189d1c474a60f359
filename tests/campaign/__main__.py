"""`python -m tests.campaign [FAMILY] --cases N --seed S`; exit code 1 if anything was found."""

import argparse
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tests.campaign.bench import play
from tests.campaign.families import FAMILIES


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description="A campaign of faults.")
    parser.add_argument("family", nargs="?", choices=list(FAMILIES), help="all of them where none is named")
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="play one case again")
    said = parser.parse_args()
    found = 0
    for name in [said.family] if said.family else FAMILIES:
        tally = play(FAMILIES[name], said.cases, said.seed, said.only)
        codes = ", ".join(f"{count} of {code}" for code, count in sorted(tally.codes.items()))
        print(
            f"{name}: {tally.cases} cases, {len(tally.findings)} findings, {tally.seconds:.0f} s"
            f" (slowest {tally.slowest:.1f} s); exit codes: {codes}"
        )
        for finding in tally.findings:
            print(f"  {finding}")
        found += len(tally.findings)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
