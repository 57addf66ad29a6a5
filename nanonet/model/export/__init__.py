"""A fitted model as source code or as a graph that runs without nanonet."""
