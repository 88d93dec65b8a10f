"""Elements of our own: small pieces of HTML, CSS and JavaScript beside the Python that calls them.

No third party, no build step: each file is read as text and handed to Streamlit. What comes from
users' files reaches the page through ``textContent`` and attributes alone, never as markup.
"""

from dashboard.elements.gallery import Tile as Tile
from dashboard.elements.gallery import gallery as gallery
from dashboard.elements.heat import Panel as Panel
from dashboard.elements.heat import heat as heat
from dashboard.elements.place import place as place
from dashboard.elements.points import points as points
from dashboard.elements.strip import strip as strip
from dashboard.elements.table import Grid as Grid
from dashboard.elements.table import grid as grid
from dashboard.elements.words import coloured_words as coloured_words
