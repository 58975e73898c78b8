"""A desktop app that reads documents with edgehybrid.

window.py             the main window: queue, document and pages beside each other
queue_view.py         the list of documents, a row each
document_view.py      what is shown of one: empty, reading, failed, or summary and questions
page_view.py          the pages of a PDF, or a text, where citations lead
settings.py           what the user wants, kept by QSettings; settings_dialog.py shows it
jobs.py               the queue itself: which document is read, what is known of each
worker.py             starts the reading process and talks with it
messages.py           what both say to each other
reading.py            the reading process: the only part that imports the rest of edgehybrid
texts.py, style.py    words and looks
"""
