"""Search of a gallery by queries of either modality."""
