"""The collections of a store over HTTP. Above search and questions; only the command line imports it.

`running` starts and stops the server, `application` has the routes, `workers` the queue and its threads, `answering`
what the threads do, `library` the collections, `embeddings` what OpenAI's clients expect.
"""
