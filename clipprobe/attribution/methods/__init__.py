"""The attribution methods, a file per family; :mod:`clipprobe.attribution.registry` names them."""
