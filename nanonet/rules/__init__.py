"""Pages 2 to 10: update rules, one a file, each an optax transformation."""
