"""From images and words to encoded conditions: cases, rendering, stored vectors."""
