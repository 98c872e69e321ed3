"""Reports for auditors: the evidence of a run as one sealed document, in HTML, Markdown and JSON."""
