//! Databases: connecting, asking what is there, loading statements.
