"""An HTTP server on this machine that speaks as OpenAI's does: the extra `edgehybrid[serve]`.

    connection -> head of a request, with limits (protocol)
               -> who may ask: host, origin, token (access)
               -> how much and how long (limits)
               -> a route (app) -> what is asked (asked, form, upload)
               -> a place, or 503 (places) -> work in a thread (job) -> JSON, or events (events)

The loop only receives and sends. All that reads or writes with a model is done in the threads of
`Places`, of which those of one model take turns; each request has a stream of its own. A client
that goes away, or a time that is over, stops its thread at the next token or batch of sentences.
"""
