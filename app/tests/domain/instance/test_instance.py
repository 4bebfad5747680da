"""instance."""

from nexus.domain.instance.queries import instance
from nexus.domain.instance.shapes import Limits
from nexus.kernel.viewer import ANONYMOUS


def test_it_tells_the_version_the_limits_and_the_features_without_the_database() -> None:
    shown = instance(viewer=ANONYMOUS)
    assert (shown.name, shown.version) == ("localhost", "development")
    assert shown.limits == Limits(handle=30, display_name=50, bio=500, text=5_000, content_warning=200, page=100)
    assert {"graphql", "live", "idempotency_keys"} < set(shown.features)
    assert list(shown.features) == sorted(set(shown.features))
