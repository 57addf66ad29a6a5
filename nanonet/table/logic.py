"""Exclusive or, the smallest table that a network needs a hidden layer for."""

X = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))
Y = (0.0, 1.0, 1.0, 0.0)
