"""Learning from a table: starts, splits, evidence, intervals, importances."""
