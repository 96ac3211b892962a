//! What the columns of tables were called at which place of a log.
