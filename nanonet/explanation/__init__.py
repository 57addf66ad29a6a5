"""Page 3: the chain rule, factor by factor, with every number of a step."""
