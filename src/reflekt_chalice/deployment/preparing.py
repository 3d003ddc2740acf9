"""Getting ready to deploy: the package, built now or before, and what this machine must have."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from reflekt_chalice.deployment.bundle import Bundle, build, verify
from reflekt_chalice.deployment.failures import DeploymentError
from reflekt_chalice.deployment.package import ARTIFACTS, TEMPLATE, Package
from reflekt_chalice.deployment.stack import Say
from reflekt_chalice.deployment.template import artifacts, generate

__all__ = ["built", "emptied", "opened"]


def emptied(folder: Path) -> None:
    """
    Delete from *folder* what an earlier `built` left there, and nothing else.

    Raises:
        DeploymentError: It may not be deleted.
    """
    for name in ("base.zip", "ai.zip", TEMPLATE, ARTIFACTS):
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise DeploymentError(f"{error.filename}: {error.strerror}") from None


def built(out: Path, *, clean: bool, say: Say) -> tuple[Package, Bundle]:
    """
    Return what is to be deployed, made in the folder *out*, and what the bundle says of itself.

    Raises:
        BundleError: The zips cannot be made.
        ConfigurationError: Chalice failed.
    """
    bundle = build(out, clean=clean, say=say)
    package = Package(base=bundle.base, ai=bundle.ai, template=generate(say), artifacts=artifacts())
    package.save(out)
    return package, bundle


@contextmanager
def opened(folder: Path | None, *, clean: bool, check: bool, say: Say) -> Iterator[Package]:
    """
    Lend the package in *folder*; without one, build it in a temporary folder.

    Args:
        folder: Where ``reflekt aws package --out`` put it.
        clean: If it is built, fetch everything again.
        check: Whether to hold what is in *folder* against what is installed here.
        say: Is told what is being done.

    Raises:
        BundleError: The zips cannot be made.
        DeploymentError: What is in *folder* is not what it should be.
    """
    if folder is None:
        with TemporaryDirectory(prefix="reflekt-package-") as temporary:
            yield built(Path(temporary), clean=clean, say=say)[0]
        return
    package = Package.read(folder)
    if check:
        say("checking the package")
        problems = [one for path in (package.base, package.ai) for one in verify(path)]
        if problems:
            raise DeploymentError(
                f"the package in {folder} is not what is installed here: {problems[0]}; package again"
            )
    yield package
