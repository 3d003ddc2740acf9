"""
Links that lead out of the documentation, to a file of the source.

On a code host they lead there. In the built pages a file is a download, and a folder or another
page of Markdown, which would be no page here, is named and not linked.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["OutsideLinks", "setup"]

UNLINKED: Final = {"", ".md"}


class OutsideLinks(SphinxTransform):
    """Takes links away that lead to what is neither a page nor a download."""

    default_priority = 5  # before anything looks for what a link leads to

    def apply(self, **kwargs: object) -> None:
        """Put the text in the place of such links; their targets must exist."""
        del kwargs
        root = Path(self.env.srcdir).resolve()
        here = Path(self.env.doc2path(self.env.docname)).parent
        for link in list(self.document.findall(addnodes.pending_xref)):
            target = (here / unquote(str(link["reftarget"]))).resolve()
            outside = target.exists() and not target.is_relative_to(root)
            if outside and target.suffix in UNLINKED:
                link.replace_self(nodes.inline("", "", *link.children))


def setup(app: "Sphinx") -> dict[str, bool]:
    """Look at the links of every page."""
    app.add_transform(OutsideLinks)
    return {"parallel_read_safe": True}
