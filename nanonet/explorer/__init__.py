"""A training run under sliders, in a notebook."""
