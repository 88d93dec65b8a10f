"""Who is compared: columns of perceived or annotated groups, strata, cells too small to show."""
