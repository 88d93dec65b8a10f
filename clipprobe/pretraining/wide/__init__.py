"""Training images of the wide domain: any ground, any look, several things, much writing.

The first stages of the recipe teach in a tidy studio; these images carry what was learned there to
other grounds, colours, sizes and hands. What an image can show stands in
:mod:`things` and :mod:`written`, one function a kind.
"""
