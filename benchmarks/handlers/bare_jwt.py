"""The same with PyJWT, as one function without an authorizer."""

import os

import jwt
from bare import answer, response

SECRET = os.environ["JWT_SECRET"]


def handler(event, context):
    """Answer an event of API Gateway that carries a token."""
    scheme, _, token = event["headers"]["Authorization"].partition(" ")
    if scheme != "Bearer":
        return response(401, {})
    try:
        claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        return response(401, {})
    return answer(event, claims["sub"])
