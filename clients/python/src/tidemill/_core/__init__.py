"""Everything that speaks the protocol; used by both APIs. Private: names here change without notice."""
