"""Reading what was published: age, snapshots, exports and the engine's rows. Imports pipeline and what is below."""
