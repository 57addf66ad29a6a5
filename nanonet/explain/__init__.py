"""The chain rule, factor by factor, with every number of a training step (page 3)."""

from nanonet.explain.chain_rule import ChainRule as ChainRule
from nanonet.explain.explain import explain as explain
