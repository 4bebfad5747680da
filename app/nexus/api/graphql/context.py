"""What every resolver knows of the call."""

from dataclasses import dataclass

import strawberry

from nexus.kernel.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Context:
    """One call of the door."""

    viewer: Viewer


Info = strawberry.Info[Context, None]
