"""Many small problems at once: lanes of vectors, in blocks, on all cores."""
