"""
Write the template and what SAM makes of it, for linters: ``python tests/expand_template.py FOLDER``.

AWS expands a SAM template when it deploys; aws-sam-translator does the same without a network.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any


class NoManagedPolicies:
    """Our roles name all that they allow."""

    def load(self) -> dict[str, str]:
        """Return none."""
        return {}


def expanded(template: dict[str, Any]) -> dict[str, Any]:
    """Return what CloudFormation deploys, with the parameters' defaults."""
    # Loaded here: it asks for a region when it is imported.
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    from samtranslator.translator.transform import transform  # noqa: PLC0415

    values = {name: one.get("Default", "") for name, one in template["Parameters"].items()}
    found: dict[str, Any] = transform(template, values, NoManagedPolicies())
    return found


def main(folder: Path) -> None:
    """Write ``template.json``, ``expanded.json`` and ``artifacts.json`` into *folder*."""
    from reflekt_chalice.deployment.template import artifacts, generate  # noqa: PLC0415 - as above

    template = generate(lambda said: print(said, file=sys.stderr))  # noqa: T201 - a program
    made = {"template": template, "artifacts": artifacts()}
    made["expanded"] = expanded(json.loads(json.dumps(template)))
    for name, one in made.items():
        (folder / f"{name}.json").write_text(json.dumps(one, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
