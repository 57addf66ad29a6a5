"""A small network fitted to a table of numbers, with what makes it trustworthy."""

from nanonet.arrays import DataWarning as DataWarning
from nanonet.fit.cross_validation import CrossValidation as CrossValidation
from nanonet.fit.cross_validation import cross_validate as cross_validate
from nanonet.fit.fit import fit as fit
from nanonet.fit.fitted import Fit as Fit
