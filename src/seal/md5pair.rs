//! Two MD5 sums at once.
