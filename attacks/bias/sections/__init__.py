"""What a report is put together from: sections, findings, limits, planted truth."""
