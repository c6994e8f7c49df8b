"""An atlas: worlds on a map that can be zoomed, searched by words and played; one static page, see `page.page`."""

from jaxlife.viz.atlas import page
from jaxlife.viz.atlas.record import FilmInfo, Worlds

__all__ = ["FilmInfo", "Worlds", "page"]
