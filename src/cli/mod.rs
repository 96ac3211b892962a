//! The headless door: verbs, text and JSON on standard output, words on standard error.
