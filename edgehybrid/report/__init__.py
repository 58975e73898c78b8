"""A page that shows which tokens of a document were kept, and which sentences were cited."""
