"""Work that may hang, eat memory or crash, done in a process of its own (`docs/decisions/0005-bounded-items.md`)."""
