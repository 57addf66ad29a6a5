"""Pages 1 and 2: what a unit does, where weights start, and networks of layers."""
