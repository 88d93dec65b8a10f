"""Reports: one self-contained HTML file and its Markdown twin, from plain results."""

from clipprobe.report.explorer import MapExplorer as MapExplorer
from clipprobe.report.explorer import MapLayer as MapLayer
from clipprobe.report.grid import Card as Card
from clipprobe.report.grid import Cards as Cards
from clipprobe.report.html import render_html as render_html
from clipprobe.report.html import write_html as write_html
from clipprobe.report.intervals import Intervals as Intervals
from clipprobe.report.markdown import render_markdown as render_markdown
from clipprobe.report.markdown import write_markdown as write_markdown
from clipprobe.report.page import Block as Block
from clipprobe.report.page import Chart as Chart
from clipprobe.report.page import Code as Code
from clipprobe.report.page import Histogram as Histogram
from clipprobe.report.page import ImageRows as ImageRows
from clipprobe.report.page import Images as Images
from clipprobe.report.page import Lead as Lead
from clipprobe.report.page import Links as Links
from clipprobe.report.page import Numbers as Numbers
from clipprobe.report.page import Page as Page
from clipprobe.report.page import Paragraph as Paragraph
from clipprobe.report.page import Section as Section
from clipprobe.report.page import Table as Table
from clipprobe.report.page import Warning as Warning
