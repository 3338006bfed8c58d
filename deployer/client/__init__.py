"""The Python API: the same verbs as the command line, which is a thin shell around it."""

from deployer.client.building import Built
from deployer.client.deployer import Deployer, Patch
from deployer.engine.importing import Imported
from deployer.engine.surveying import Listing, Removal, Status, Unreachable

__all__ = ["Built", "Deployer", "Imported", "Listing", "Patch", "Removal", "Status", "Unreachable"]
