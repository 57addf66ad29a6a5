"""The transformation that makes small-array programs fast (see `scalarize`)."""

from nanonet.scalarize.transform import scalarize as scalarize
