"""Pages 2, 3 and 9: losses, the objective J, its residuals and its derivatives."""
