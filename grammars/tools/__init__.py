"""Tool calls: a family's own format as one record, from which the grammar and the framer are derived."""
