"""Repeating a rule until a stop test is met: one step, one loop, one host."""
