"""Static files under names that change with their content, so that browsers keep them for ever."""

from whitenoise.storage import CompressedManifestStaticFilesStorage  # type: ignore[import-untyped]


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Hashed and compressed names from `collectstatic`; plain names where that has not been run, as in tests."""

    manifest_strict = False

    def stored_name(self, name: str) -> str:
        """The name under which a browser finds the file."""
        return str(super().stored_name(name)) if self.hashed_files else name
