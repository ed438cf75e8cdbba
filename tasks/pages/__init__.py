"""Pages a person opens: what they show as values, and one set of templates that draws them."""
