//! The language of dumps: splitting it into statements without losing a byte, identifiers, literals.
