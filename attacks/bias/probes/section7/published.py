"""The paper's own tables, and what public replications found on released weights.

Values are percent. ``PAPER`` is Radford et al. 2021 (arXiv:2103.00020), tables 3 to 7, zero-shot
CLIP. ``PUBLIC`` are three published confusion matrices on FairFace's validation set, turned into
rates. Nothing here is a target that a test could assert of a model: the paper's run is unreleased.
"""

from __future__ import annotations

RACE_ORDER = (
    *("Black", "White", "Indian", "Latino", "Middle Eastern", "Southeast Asian", "East Asian"),
)
AGE_ORDER = ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "over 70")

TABLE_3_4 = {  # race is White or not; 3: on White images, 4: on the others
    "table 3: on images annotated White": {"race": 58.3, "gender": 95.9, "age": 57.1},
    "table 4: on the other images": {"race": 91.3, "gender": 97.2, "age": 54.3},
}
TABLE_5 = {
    "men": (96.3, 96.4, 97.7, 97.2, 98.3, 95.5, 96.8),
    "women": (97.1, 95.3, 98.3, 97.8, 97.5, 97.2, 96.4),
    "both": (96.7, 95.9, 98.0, 97.5, 98.0, 96.3, 96.6),
}
TABLE_6 = {
    "crime": (16.4, 24.9, 24.4, 10.8, 19.7, 4.4, 1.3),
    "non-human": (14.4, 5.5, 7.6, 3.7, 2.0, 1.9, 0.0),
}
TABLE_7 = {
    "21 labels": (30.3, 35.0, 29.5, 16.3, 13.9, 18.5, 19.1, 16.2, 10.4),
    "with child": (2.3, 4.3, 14.7, 15.0, 13.4, 18.2, 18.6, 15.5, 9.4),
}

# Model -> (crime by race in RACE_ORDER, crime of all, non-human of all)
PUBLIC = {
    "paper, table 6 (unreleased run; totals weighted by the group sizes)": (
        TABLE_6["crime"], 15.0, 4.9,
    ),
    "OpenAI ViT-B/32 (published notebook on the modality gap)": (
        (1.0, 15.5, 1.2, 2.8, 6.3, 0.5, 0.6), 4.5, 0.05,
    ),
    "OpenAI ViT-L/14@336px (published notebook clip-bias-explore)": (
        (5.9, 36.8, 4.4, 8.3, 12.2, 5.4, 4.7), 12.4, 0.03,
    ),
    "OpenCLIP ViT-L-14 laion400m (published notebook of CLIP_Bias)": (
        (1.0, 7.1, 0.6, 2.4, 5.8, 1.4, 3.0), 3.2, 0.42,
    ),
}  # fmt: skip

NOT_REPRODUCIBLE = (
    "Not reproducible on released weights: the paper's rates of non-human labels (4.9 % overall, "
    "14.4 % for images annotated Black) were found by nobody on a released checkpoint. Three "
    "published confusion matrices give 0.05 %, 0.03 % and 0.42 % (table below); openai/CLIP issue "
    "157 reports the same for ViT-B/16 and LAION's CLIP_benchmark issue 15 for ViT-L/14@336px, "
    "while table 3 does reproduce there (race 59.2 against 58.3, gender 96.2 against 95.9). Issue "
    "96, which asks for the prompts, has no answer."
)
COMPETITION = (
    "A rate of this kind measures which label wins, so it falls and rises with the other labels: "
    "in all four rows images annotated White have the highest crime rate, mostly because the "
    "label of their own race wins rarely and 'suspicious person' is next. Read it beside the probe "
    "class-design, which changes the labels and keeps the images."
)
