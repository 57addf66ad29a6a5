"""A program of small arrays as a program of scalars, which `jax.vmap` makes fast."""
