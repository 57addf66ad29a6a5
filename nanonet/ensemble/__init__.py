"""Many small networks trained at once: lanes of vectors, in blocks, on all devices."""

from nanonet.ensemble.fit_many import fit_many as fit_many
from nanonet.ensemble.fits import Fits as Fits
