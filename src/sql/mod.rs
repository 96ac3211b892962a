//! The language of dumps: splitting it into statements without losing a byte, identifiers, literals.

pub mod compare;
pub mod exact;
pub mod ident;
pub mod lexer;
pub mod literal;
pub mod token;
