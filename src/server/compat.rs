//! What a dump uses that a server does not know.
