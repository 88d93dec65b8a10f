"""Plotly figures from plain results; no figure knows a model."""
