"""
The operations of Reflekt over HTTP, without a framework.

`dispatch` turns a `Request` into a `Response`; `wsgi` runs it in any Python web server.
"""
