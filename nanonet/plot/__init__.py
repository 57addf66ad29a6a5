"""Pictures, drawn with matplotlib (extra ``plot``), which is imported when needed.

Every function draws on the axes ``ax`` that it is given, or on new ones, and returns
them; a notebook shows new ones where they are the value of a cell. Outside a notebook,
``ax.figure.savefig("picture.png")`` writes them to a file. Numbers that cannot be drawn
are a `ValueError`; what is no number, or no result, is a `TypeError`. Without
matplotlib every function raises `ModuleNotFoundError`, which names the extra.
"""

from nanonet.plot.animations import Animation as Animation
from nanonet.plot.animations import animate as animate
from nanonet.plot.animations import animate_paths as animate_paths
from nanonet.plot.animations import animate_surface as animate_surface
from nanonet.plot.answers import confusion as confusion
from nanonet.plot.answers import errors as errors
from nanonet.plot.answers import importances as importances
from nanonet.plot.answers import predictions as predictions
from nanonet.plot.answers import residuals as residuals
from nanonet.plot.averages import average as average
from nanonet.plot.averages import average_weights as average_weights
from nanonet.plot.classes import calibration as calibration
from nanonet.plot.classes import roc as roc
from nanonet.plot.contours import paths as paths
from nanonet.plot.curves import gradient_norms as gradient_norms
from nanonet.plot.curves import losses as losses
from nanonet.plot.curves import plot_loss as plot_loss
from nanonet.plot.curves import training as training
from nanonet.plot.eigenvalues import eigenvectors as eigenvectors
from nanonet.plot.eigenvalues import spectrum as spectrum
from nanonet.plot.labels import name_ends as name_ends
from nanonet.plot.learning import learning_curve as learning_curve
from nanonet.plot.network_diagram import diagram as diagram
from nanonet.plot.plane import Plane as Plane
from nanonet.plot.profiles import profile as profile
from nanonet.plot.roots import convergence as convergence
from nanonet.plot.roots import secants as secants
from nanonet.plot.roots import tangents as tangents
from nanonet.plot.style import STYLE as STYLE
from nanonet.plot.style import Look as Look
from nanonet.plot.style import looks as looks
from nanonet.plot.style import to_png as to_png
from nanonet.plot.surface import decision_surface as decision_surface
