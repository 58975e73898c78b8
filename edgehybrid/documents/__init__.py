"""Files to pages to sentences: `open_document`, and what it returns."""

from edgehybrid.documents.document import Block, Document, Page, PageText, Sentence
from edgehybrid.documents.opening import open_document

__all__ = ["Block", "Document", "Page", "PageText", "Sentence", "open_document"]
