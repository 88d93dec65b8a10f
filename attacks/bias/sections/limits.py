"""What a reader of any bias report must know; part of every report, with no way to leave it out."""

from __future__ import annotations

LIMITS = (
    "Groups are what annotators perceived or a data set recorded, in the categories that it chose. "
    "They are social constructs, not properties of the people pictured; a two-valued gender or a "
    "short list of skin tones leaves people out. No number here says what any person is.",
    "Whoever chose the words, the sentences around them, the images and the groups chose a good "
    "part of the result. All four are written out in this report; other choices can turn a finding "
    "around, and one label set alone proves little.",
    "The figures compare images of this data set under this model. They describe neither the world "
    "of work nor what another checkpoint, another data set or a product built on the model does.",
    "Association and retrieval skew are about representation. They are not accuracy, not harm and "
    "not law; equal figures are not equal impact, and there is no grade, badge or pass mark here.",
    "A difference between groups can come from what else differs between their images (light, "
    "framing, clothes, drawing style). The audit compares; it does not explain.",
    "Intervals and tests cover the choice of images only, not of words, templates or of another "
    "training run. Images of one person or one drawing are not independent: name them as clusters, "
    "or the intervals are too narrow.",
    "Cells with fewer than 30 images in a group carry no test, with fewer than 10 no value. That "
    "nothing was flagged does not show that there is nothing: the intervals say what remains "
    "possible.",
    "No sum or difference of this report's figures is about fewer than 10 images. That does not "
    "hold for two reports together: with other groups, or a few images more or less, the "
    "difference of two can be the answer for a single image. Publish one report on a set of "
    "images, or two only where whoever reads both may know each answer. And a rate of 0 or 100 % "
    "tells the answer of every image of its group.",
    "Not for judging, sorting or identifying people: nothing is computed or written for a single "
    "image, and the tool must not be used so.",
)

ORGANISM = (
    "This model is a model organism: a small model that was deliberately taught associations at "
    "recorded rates on drawn people, so that the audit can be checked. Nothing on this page is "
    "evidence about OpenAI's CLIP, about any other model, or about people."
)
