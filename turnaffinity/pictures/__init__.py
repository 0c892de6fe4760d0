"""What does a turn look like? Pictures as SVG: the same bytes every time, for light and dark, and for every eye."""

from turnaffinity.pictures.canvas import Picture
from turnaffinity.pictures.counts import histogram
from turnaffinity.pictures.growth import growth
from turnaffinity.pictures.matrix import decision_matrix
from turnaffinity.pictures.sequence import sequence
from turnaffinity.pictures.timeline import Moment, timeline

__all__ = ["Moment", "Picture", "decision_matrix", "growth", "histogram", "sequence", "timeline"]
