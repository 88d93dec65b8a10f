"""Training images of the wide domain: any background, any look, several things, much writing.

The first stages of the recipe teach in a tidy studio; these images carry what was learned there to
other backgrounds, colours, sizes and hands. What an image can show stands in
:mod:`things` and :mod:`texts`, one function a kind.
"""
