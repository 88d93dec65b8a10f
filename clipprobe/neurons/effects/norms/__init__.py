"""Layer norms that read a unit, taken exactly where attribution patching is first order."""
