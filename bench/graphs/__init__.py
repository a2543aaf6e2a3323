"""Speed and memory of graphs: `python -m bench.graphs [PART …]`. A part is one file beside this one with `lines()`."""
