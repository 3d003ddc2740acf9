"""The journal as a Chalice app of your own, with one route more."""

from reflekt_chalice import create_app, create_authorizer

app = create_app("journal")
authorise = create_authorizer()  # the authorizer's function; Chalice looks for it under this name


@app.route("/about")
def about() -> dict[str, str]:
    """Say what runs here. It needs no token."""
    return {"name": app.app_name, "journal": "/entries", "documentation": "/api-docs"}
