"""
The code of the functions as two zips for Python 3.13 on ARM64: `base.zip`, and `ai.zip` with the vendors' SDKs.

Both are made of the installed package and of the wheels that the locks name, with bytecode. The same
package and locks, and the same Python, give the same bytes.
"""

from reflekt_chalice.deployment.bundle.building import Bundle, build
from reflekt_chalice.deployment.bundle.failures import BundleError
from reflekt_chalice.deployment.bundle.report import Report
from reflekt_chalice.deployment.bundle.verification import verify

__all__ = ["Bundle", "BundleError", "Report", "build", "verify"]
