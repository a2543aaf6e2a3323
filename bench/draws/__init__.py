"""How many votes a graph needs, by the way stories are drawn: `python -m bench.draws [--graphs N] [--seed S]`."""
