"""XOR from a thousand random starts: which methods solve it, and at what price.

What races, and what the columns mean, is told in `nanonet.cli.race`. Run it with

    python benchmarks/xor_race.py [--starts N]
"""

import argparse

import environment  # noqa: F401  (before JAX starts)
import jax

from nanonet.cli.race import RACERS, draw_starts, race, show_race, summarize


def main() -> None:
    parser = argparse.ArgumentParser(description="XOR from many random starts.")
    parser.add_argument("--starts", type=int, default=1_000)
    count = parser.parse_args().starts
    with jax.enable_x64(True):
        starts = draw_starts(count, seed=0)
        results = {
            name: summarize(*race(racer.rule, starts, racer.max_steps))
            for name, racer in RACERS.items()
        }
    show_race(results, count)


if __name__ == "__main__":
    main()
